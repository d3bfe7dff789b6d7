package dav

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestDepth(t *testing.T) {
	for value, want := range map[string]string{
		"0": "false", "1": "true", "": ErrInfinite.Error(), "infinity": ErrInfinite.Error(), "Infinity": ErrInfinite.Error(),
		"2": `depth "2": want 0 or 1`, "1,noroot": `depth "1,noroot": want 0 or 1`, "-1": `depth "-1": want 0 or 1`,
	} {
		members, err := Depth(value)
		got := map[bool]string{true: "true", false: "false"}[members]
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

const d = `xmlns="DAV:"`

func TestReadQuery(t *testing.T) {
	prop := func(names ...string) Query {
		q := Query{props: []xml.Name{}}
		for i := 0; i < len(names); i += 2 {
			q.props = append(q.props, xml.Name{Space: names[i], Local: names[i+1]})
		}
		return q
	}
	for body, want := range map[string]Query{
		"":                                       {},
		`<?xml version="1.0" encoding="utf-8"?>`: {},
		`<propfind ` + d + `><allprop/></propfind>`:                                                               {},
		`<propfind ` + d + `><allprop/><include><x/></include></propfind>`:                                        {},
		`<propfind ` + d + `><propname/></propfind>`:                                                              {namesOnly: true},
		`<propfind ` + d + `><new xmlns="urn:x"><prop/></new><propname/></propfind>`:                              {namesOnly: true},
		`<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><D:getetag/></D:prop></D:propfind>`:                       prop("DAV:", "getetag"),
		`<a:propfind xmlns:a="DAV:" xmlns:z="urn:z"><a:prop><z:x>text<y/></z:x><q/></a:prop></a:propfind>` + "\n": prop("urn:z", "x", "", "q"),
		`<propfind ` + d + `><prop/></propfind><!-- bye -->`:                                                      prop(),
	} {
		if got, err := ReadQuery(strings.NewReader(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		"hello":                      "text where",
		"<propfind/>":                "not propfind of the namespace DAV",
		`<prop ` + d + `/>`:          "not propfind of the namespace DAV",
		`<propfind ` + d + `/>`:      "want one of",
		`<propfind ` + d + `>`:       "unexpected EOF",
		`<propfind ` + d + `><prop>`: "unexpected EOF",
		`<propfind ` + d + `><allprop/><propname/></propfind>`:                                                   "want one of",
		`<propfind ` + d + `><prop><a/></prop><prop><b/></prop></propfind>`:                                      "want one of",
		`<propfind ` + d + `><allprop/></propfind><propfind/>`:                                                   "after its element",
		`<propfind ` + d + `><allprop></propfind>`:                                                               "syntax error",
		`<propfind ` + d + `><prop><a:/></prop></propfind>`:                                                      "has no name",
		`<?xml version="1.0" encoding="utf-7"?><propfind ` + d + `><allprop/></propfind>`:                        "utf-7",
		`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><propfind ` + d + `><allprop/></propfind>`:      "DOCTYPE",
		`<!DOCTYPE x SYSTEM "file:///etc/passwd"><propfind ` + d + `><allprop/></propfind>`:                      "DOCTYPE",
		`<propfind ` + d + `><prop><a>&b;</a></prop></propfind>`:                                                 "invalid character entity",
		`<propfind ` + d + `><prop>` + strings.Repeat(`<a xmlns="urn:0123456789"/>`, 300) + `</prop></propfind>`: "too many properties",
		`<propfind ` + d + `>` + strings.Repeat(" ", maxBody) + `<allprop/></propfind>`:                          ErrTooLarge.Error(),
		`<propfind ` + d + `>` + strings.Repeat("<a>", maxBody):                                                  ErrTooLarge.Error(),
	} {
		_, err := ReadQuery(strings.NewReader(body))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %v, want %q", body, err, want)
		}
	}
}

// multistatus is what a client understands of an answer.
type multistatus struct {
	XMLName   xml.Name `xml:"DAV: multistatus"`
	Responses []struct {
		Href      string `xml:"DAV: href"`
		Propstats []struct {
			Prop struct {
				All []struct {
					XMLName xml.Name
					Inner   string `xml:",innerxml"`
				} `xml:",any"`
			} `xml:"DAV: prop"`
			Status string `xml:"DAV: status"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

// answer is the multistatus of resources.
func answer(t *testing.T, q Query, all ...Resource) (m multistatus) {
	t.Helper()
	body := NewMultistatus(q, func() (Resource, error) {
		if len(all) == 0 {
			return Resource{}, io.EOF
		}
		r := all[0]
		all = all[1:]
		return r, nil
	}, func() error { return nil })
	text, err := io.ReadAll(body)
	if err != nil || body.Err() != nil || body.BytesSent() != int64(len(text)) {
		t.Fatalf("%v, %v, counted %d of %d", err, body.Err(), body.BytesSent(), len(text))
	}
	if err := xml.Unmarshal(text, &m); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

func TestMultistatus(t *testing.T) {
	file := Resource{Path: "/a & b/<c> \"d\" 'e' \xff\n%2f#?.txt", Size: 5, ETag: `W/"1<2"`, LastModified: "now", ContentType: "text/plain"}
	folder := Resource{Path: "/dir/", IsFolder: true}
	m := answer(t, Query{}, file, folder)
	if len(m.Responses) != 2 || m.Responses[0].Href != "/a%20&%20b/%3Cc%3E%20%22d%22%20%27e%27%20%FF%0A%252f%23%3F.txt" || m.Responses[1].Href != "/dir/" {
		t.Errorf("%+v", m)
	}
	said := func(m multistatus, response int) (all []string) {
		for _, p := range m.Responses[response].Propstats {
			for _, prop := range p.Prop.All {
				all = append(all, strings.Fields(p.Status)[1]+" "+prop.XMLName.Space+prop.XMLName.Local+"="+prop.Inner)
			}
		}
		return all
	}
	for _, test := range []struct {
		query    Query
		resource Resource
		want     string
	}{
		{Query{}, file, "200 DAV:getcontentlength=5|200 DAV:getcontenttype=text/plain|200 DAV:getetag=W/&#34;1&lt;2&#34;|200 DAV:getlastmodified=now|200 DAV:resourcetype=|200 DAV:supportedlock="},
		{Query{}, folder, "200 DAV:resourcetype=<D:collection/>|200 DAV:supportedlock="},
		{Query{namesOnly: true}, folder, "200 DAV:resourcetype=|200 DAV:supportedlock="},
		{Query{props: []xml.Name{{Space: "DAV:", Local: "getetag"}, {Space: "DAV:", Local: "creationdate"}, {Space: `u"&`, Local: "x"}, {Local: "y"}}}, file, "200 DAV:getetag=W/&#34;1&lt;2&#34;|404 DAV:creationdate=|404 u\"&x=|404 y="},
		{Query{props: []xml.Name{{Space: "urn:x", Local: "getetag"}}}, file, "404 urn:xgetetag="},
		{Query{props: []xml.Name{}}, file, ""},
	} {
		if got := strings.Join(said(answer(t, test.query, test.resource), 0), "|"); got != test.want {
			t.Errorf("%+v\n got %s\nwant %s", test.query, got, test.want)
		}
	}
}

// A short answer has a length; a long one is made as it is read.
func TestMultistatusHasALengthIfItIsShort(t *testing.T) {
	for n, known := range map[int]bool{0: true, 10: true, 1000: false} {
		made := 0
		body := NewMultistatus(Query{}, func() (Resource, error) {
			if made++; made > n {
				return Resource{}, io.EOF
			}
			return Resource{Path: "/x"}, nil
		}, func() error { return nil })
		length := body.Length()
		if !known && made > wholeSize/100 {
			t.Errorf("%d resources were made at once", made)
		}
		text, err := io.ReadAll(body)
		if err != nil || known != (length == len(text)) || !known && length != -1 || strings.Count(string(text), "<D:response>") != n {
			t.Errorf("%d resources: length %d of %d, %v", n, length, len(text), err)
		}
	}
}

// A folder that cannot be read to its end is not a shorter one.
func TestMultistatusThatBreaksOff(t *testing.T) {
	n, closed, broken := 0, 0, errors.New("broken")
	body := NewMultistatus(Query{}, func() (Resource, error) {
		if n++; n > 100 {
			return Resource{}, broken
		}
		return Resource{Path: "/x"}, nil
	}, func() error { closed++; return nil })
	text, err := io.ReadAll(body)
	if !errors.Is(err, broken) || !errors.Is(body.Err(), broken) || bytes.Contains(text, []byte("</D:multistatus>")) {
		t.Errorf("%v, %v", err, body.Err())
	}
	for range 2 {
		_ = body.Close()
	}
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

// Whatever a client asks for, the answer can be parsed.
func FuzzPropfind(f *testing.F) {
	f.Add(`<propfind xmlns="DAV:" xmlns:z="urn:z"><prop><z:x/><getetag/></prop></propfind>`, "/a")
	f.Add(`<propfind xmlns="DAV:"><propname/></propfind>`, "/\xff<")
	f.Fuzz(func(t *testing.T, body, path string) {
		if q, err := ReadQuery(strings.NewReader(body)); err == nil {
			answer(t, q, Resource{Path: "/" + path})
		}
	})
}
