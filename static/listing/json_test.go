package listing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"fullbore/static/reply"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err = compiler.AddResource("listing.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("listing.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listingJSON is what a client would read a listing into.
type listingJSON struct {
	Path                        string
	Total, Page, Pages, Limit   int
	Next, Previous, Sort, Order string
	Filter                      string
	SortRefused                 string `json:"sort_refused"`
	Entries                     []struct {
		Name, Href, Type string
		Size             *int64
		Modified         time.Time
	}
}

func readJSON(t *testing.T, s *jsonschema.Schema, text string) listingJSON {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err = s.Validate(value); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	var l listingJSON
	if err = json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestJSON(t *testing.T) {
	s := schema(t)
	dir := t.TempDir()
	makeNasty(t, dir)
	write(t, dir, "folder/x", "")
	when := time.Date(2026, 2, 3, 4, 5, 6, 789000001, time.FixedZone("", 3600))
	if err := os.Chtimes(filepath.Join(dir, "a b"), when, when); err != nil {
		t.Fatal(err)
	}
	addr := serveFolder(t, dir, "/")
	l := readJSON(t, s, ask(t, "GET", "http://"+addr+"/", "Accept: application/json").body)
	if l.Path != "/" || l.Total != len(nastyNames)+1 || l.Page != 1 || l.Pages != 1 || l.Limit != maxLimit || l.Next != "" || l.Sort != "name" || l.Order != "asc" {
		t.Errorf("%+v", l)
	}
	if e := l.Entries[0]; e.Name != "folder" || e.Href != "./folder/" || e.Type != "folder" || e.Size != nil {
		t.Errorf("the folder is %+v", e)
	}
	found := map[string]bool{}
	for _, e := range l.Entries[1:] {
		name, err := url.PathUnescape(strings.TrimPrefix(e.Href, "./"))
		if err != nil || e.Name != reply.Printable(name) || e.Type != "file" || *e.Size != int64(len(name)) {
			t.Errorf("%+v is no entry for %q (%v)", e, name, err)
		}
		found[name] = true
		if name == "a b" && (!e.Modified.Equal(when) || e.Modified.Location() != time.UTC) {
			t.Errorf("modified %v, want %v", e.Modified, when)
		}
	}
	for _, name := range nastyNames {
		if !found[name] {
			t.Errorf("no entry for %q", name)
		}
	}
	for _, query := range []string{"?limit=2", "?limit=2&page=5&sort=size&order=desc", "?filter=zzz", "?filter=%22%ff&limit=1", "?page=9999999"} {
		l := readJSON(t, s, ask(t, "GET", "http://"+addr+"/"+query, "Accept: application/json").body)
		if (l.Next == "") != (l.Page == l.Pages) || (l.Previous == "") != (l.Page == 1) || len(l.Entries) > l.Limit {
			t.Errorf("%s: %+v", query, l)
		}
	}
}

// What the page does not do as it was asked to, it says.
func TestJSONSaysThatItIsNotSorted(t *testing.T) {
	c := chosen{page: 1, pages: 2, total: 200_000, refused: true}
	p := newPage(Folder{Path: "/\xff/"}, query{sort: bySize, page: 1, limit: 10_000, usual: maxLimit}, c)
	l := readJSON(t, schema(t), bodyText(t, jsonBody(p)))
	if l.Sort != "name" || l.SortRefused != "size" || l.Path != "/\uFFFD/" {
		t.Errorf("%+v", l)
	}
	if l.Next != "./?page=2" {
		t.Errorf("next is %s", l.Next)
	}
	html := bodyText(t, htmlBody(p, "Files"))
	if !strings.Contains(html, "cannot be sorted by size") || !strings.Contains(html, "100,000") {
		t.Error("HTML does not say it")
	}
	if text := bodyText(t, textBody(p)); text != "# sorted by name: more names than can be sorted by size\n# 1–10,000 of 200,000 names, next: ./?page=2\n" {
		t.Errorf("the text is %q", text)
	}
}

func TestTimesThatCannotBeWritten(t *testing.T) {
	var rows rows
	for i, when := range []time.Time{time.Unix(1<<40, 0), time.Unix(-1<<40, 0), time.Unix(0, 1), {}} {
		rows.add(fmt.Sprint(i), Entry{Modified: when})
	}
	l := readJSON(t, schema(t), bodyText(t, jsonBody(newPage(Folder{Path: "/"}, query{sort: byName, page: 1, limit: 5}, chosen{rows: rows, page: 1, pages: 1}))))
	for i, want := range []time.Time{{}, {}, time.Unix(0, 1), {}} {
		if !l.Entries[i].Modified.Equal(want) {
			t.Errorf("entry %d is of %v, want %v", i, l.Entries[i].Modified, want)
		}
	}
}
