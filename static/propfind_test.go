package static

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// found is a resource as a PROPFIND tells of it.
type found struct {
	Href     string    `xml:"href"`
	Length   *int64    `xml:"propstat>prop>getcontentlength"`
	ETag     string    `xml:"propstat>prop>getetag"`
	Modified string    `xml:"propstat>prop>getlastmodified"`
	Type     string    `xml:"propstat>prop>getcontenttype"`
	Folder   *struct{} `xml:"propstat>prop>resourcetype>collection"`
}

// propfind asks for all properties of a path, and those in it.
func propfind(t *testing.T, addr, target, depth string) (response, map[string]found, []string) {
	t.Helper()
	got := ask(t, addr, "PROPFIND", target, "Depth: "+depth)
	var m struct {
		Responses []found `xml:"DAV: response"`
	}
	if got.StatusCode != 207 {
		return got, nil, nil
	}
	if err := xml.Unmarshal([]byte(got.body), &m); err != nil {
		t.Fatalf("%s: %v in\n%s", target, err, got.body)
	}
	byHref, hrefs := map[string]found{}, []string{}
	for _, r := range m.Responses {
		byHref[r.Href] = r
		hrefs = append(hrefs, r.Href)
	}
	slices.Sort(hrefs)
	return got, byHref, hrefs
}

// What a PROPFIND says of a file is what GET says of it.
func TestPropfindAgreesWithGet(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		"old.txt": 24 * time.Hour, "new.iso": 0, "future.bin": -time.Hour, "sub/deep.html": time.Minute,
		"a & b <c>.txt": time.Hour, "percent%20.txt": time.Hour, "bytes\xff.png": time.Hour, "ü.txt": time.Hour,
	} {
		at := time.Now().Add(-age)
		if err := os.Chtimes(write(t, dir, name, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(write(t, dir, "nix.txt", "x"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	link(t, dir, "link.txt", "old.txt")
	time.Sleep(2 * tick) // or the tags of the new ones are weak at first
	for _, mount := range []string{"/", "/files"} {
		for _, rule := range []string{ETagAuto, ETagInode, ETagOff} {
			addr := serve(t, mount, dir, Config{Browse: true, DAV: true, ETag: rule})
			base := strings.TrimSuffix(mount, "/")
			_, all, _ := propfind(t, addr, base+"/", "1")
			_, deep, _ := propfind(t, addr, base+"/sub", "1")
			all[base+"/sub/deep.html"] = deep[base+"/sub/deep.html"]
			if len(all) != 12 {
				t.Errorf("%s: %d resources: %v", mount, len(all), all)
			}
			for href, r := range all {
				if r.Folder != nil {
					continue
				}
				head := ask(t, addr, "HEAD", href)
				if head.StatusCode != 200 || r.Length == nil || head.ContentLength != *r.Length ||
					head.Header.Get("ETag") != r.ETag || head.Header.Get("Last-Modified") != r.Modified && !strings.Contains(href, "new") ||
					head.Header.Get("Content-Type") != r.Type {
					t.Errorf("%s: %+v, but HEAD says %d %v", href, r, head.StatusCode, head.Header)
				}
				if _, one, hrefs := propfind(t, addr, href, "1"); len(hrefs) != 1 || one[href].ETag != r.ETag {
					t.Errorf("%s alone: %+v", href, one)
				}
			}
		}
	}
}

func TestPropfindOfFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "x")
	write(t, dir, "sub/g", "x")
	write(t, dir, "sub/index.html", "x")
	write(t, dir, ".hidden", "x")
	link(t, dir, "out", outside(t))
	link(t, dir, "broken", "nope")
	link(t, dir, "null", os.DevNull)
	link(t, dir, "in", "sub")
	addr := serve(t, "/", dir, Config{Browse: true, DAV: true})
	for _, test := range []struct {
		target, depth string
		status        int
		hrefs         string
	}{
		{"/", "0", 207, "/"},
		{"/", "1", 207, "/ /f /in/ /sub/"},
		{"/sub", "1", 207, "/sub/ /sub/g /sub/index.html"},
		{"/sub/", "0", 207, "/sub/"},
		{"//sub/../in/", "1", 207, "/in/ /in/g /in/index.html"},
		{"/f", "0", 207, "/f"},
		{"/f/", "0", 404, ""},
		{"/nope", "0", 404, ""},
		{"/.hidden", "0", 404, ""},
		{"/out", "1", 404, ""},
		{"/null", "0", 404, ""},
		{"/", "infinity", 403, ""},
		{"/", "2", 400, ""},
	} {
		got, all, hrefs := propfind(t, addr, test.target, test.depth)
		if got.StatusCode != test.status || strings.Join(hrefs, " ") != test.hrefs {
			t.Errorf("%s, depth %s: %d %v", test.target, test.depth, got.StatusCode, hrefs)
		}
		for href, r := range all {
			if (r.Folder != nil) != strings.HasSuffix(href, "/") {
				t.Errorf("%s: a folder: %v", href, r.Folder != nil)
			}
		}
	}
	if got := ask(t, addr, "PROPFIND", "/"); got.StatusCode != 403 || !strings.Contains(got.body, "<D:propfind-finite-depth/>") {
		t.Errorf("without a depth: %d %s", got.StatusCode, got.body)
	}
	for _, test := range []struct {
		body string
		want int
	}{{"<propfind", 400}, {strings.Repeat(" ", 64<<10+1), 413}} {
		conn := (&site{addr: addr}).dial(t)
		fmt.Fprintf(conn, "PROPFIND / HTTP/1.1\r\nHost: test\r\nDepth: 0\r\nContent-Length: %d\r\n\r\n%s", len(test.body), test.body)
		if got := readResponse(t, bufio.NewReader(conn), "PROPFIND", "/"); got.StatusCode != test.want {
			t.Errorf("%.20q: %d", test.body, got.StatusCode)
		}
	}
}

func TestPropfindOfOneFile(t *testing.T) {
	addr := serve(t, "/", write(t, t.TempDir(), "an iso", "content"), Config{Browse: true, DAV: true})
	if _, all, hrefs := propfind(t, addr, "/", "1"); strings.Join(hrefs, " ") != "/ /an%20iso" || *all["/an%20iso"].Length != 7 {
		t.Errorf("%v", hrefs)
	}
	if _, _, hrefs := propfind(t, addr, "/", "0"); strings.Join(hrefs, " ") != "/" {
		t.Errorf("%v", hrefs)
	}
	if _, _, hrefs := propfind(t, addr, "/an%20iso", "1"); strings.Join(hrefs, " ") != "/an%20iso" {
		t.Errorf("%v", hrefs)
	}
	if got, _, _ := propfind(t, addr, "/other", "0"); got.StatusCode != 404 {
		t.Errorf("another: %d", got.StatusCode)
	}
}

func TestDAVIsOffUnlessAskedFor(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		cfg                  Config
		method, depth        string
		status               int
		allow, dav, msAuthor string
	}{
		{Config{Browse: true}, "PROPFIND", "0", 405, allowed, "", ""},
		{Config{Browse: true}, "OPTIONS", "", 204, allowed, "", ""},
		{Config{Browse: true, DAV: true}, "OPTIONS", "", 200, allowedDAV, "1", "DAV"},
		{Config{Browse: true, DAV: true}, "LOCK", "", 405, allowedDAV, "", ""},
		{Config{Browse: true, DAV: true}, "DELETE", "", 405, allowedDAV, "", ""},
		{Config{DAV: true}, "PROPFIND", "1", 403, "", "", ""}, // whose names nobody may list
		{Config{DAV: true}, "PROPFIND", "0", 207, "", "", ""},
	} {
		got := ask(t, serve(t, "/", dir, test.cfg), test.method, "/", "Depth: "+test.depth)
		if got.StatusCode != test.status || got.Header.Get("Allow") != test.allow || got.Header.Get("DAV") != test.dav || got.Header.Get("MS-Author-Via") != test.msAuthor {
			t.Errorf("%+v: %d %v", test, got.StatusCode, got.Header)
		}
	}
}
