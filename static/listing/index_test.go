package listing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/net/html"
)

// indexLine is what scripts look for. The last group is the size, "-" for a folder.
var indexLine = regexp.MustCompile(`^<a href="([^"]+)">(.+)</a> +(\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d) +(\d+|-)$`)

// lines are the lines of an index between the frame, without the link to the parent.
func indexLines(t *testing.T, body string) []string {
	t.Helper()
	_, rest, ok := strings.Cut(body, "<hr><pre>")
	rows, end, closed := strings.Cut(rest, "</pre>")
	if !ok || !closed || end != "<hr></body>\n</html>\n" {
		t.Fatalf("not an index: %q", body)
	}
	lines := strings.Split(strings.TrimSuffix(rows, "\n"), "\n")[1:]
	return lines
}

// A name is text and link as it is, and both can be found line by line.
func TestIndexOfNastyNames(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, filepath.Join(dir, "list"))
	write(t, dir, "list/sub folder/x", "")
	at := time.Date(2026, 2, 3, 4, 5, 59, 0, time.UTC)
	for _, name := range append(nastyNames, "sub folder") {
		if err := os.Chtimes(filepath.Join(dir, "list", name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	addr := serveFolder(t, dir, "/below/a/prefix")
	base, _ := url.Parse("http://" + addr + "/below/a/prefix/list/")
	got := ask(t, "GET", base.String())
	lines := indexLines(t, got.body)
	if len(lines) != len(nastyNames)+1 {
		t.Fatalf("%d lines for %d names:\n%s", len(lines), len(nastyNames)+1, got.body)
	}
	want := fmt.Sprintf("%-52s", `<a href="sub%20folder/">sub folder/</a>`)
	if !strings.HasPrefix(lines[0], `<a href="sub%20folder/">sub folder/</a> `) || !strings.HasSuffix(lines[0], "  03-Feb-2026 04:05                   -") {
		t.Errorf("a folder is %q, want %q", lines[0], want)
	}
	var opened []string
	for _, line := range lines[1:] {
		parts := indexLine.FindStringSubmatch(line)
		if parts == nil || parts[3] != "03-Feb-2026 04:05" {
			t.Errorf("a line is %q", line)
			continue
		}
		target, err := base.Parse(parts[1])
		if err != nil || target.Host != addr {
			t.Fatalf("%q leads to %v (%v)", parts[1], target, err)
		}
		name := ask(t, "GET", target.String()).body
		if size := strconv.Itoa(len(name)); parts[4] != size {
			t.Errorf("%q has size %s, want %s", name, parts[4], size)
		}
		shown := strings.NewReplacer("\r", "\ufffd", "\x1b", "\ufffd", "\x7f", "\ufffd").Replace(strings.ToValidUTF8(name, "\ufffd"))
		if text := html.UnescapeString(parts[2]); strings.ReplaceAll(text, "\ufffd\ufffd", "\ufffd") != shown {
			t.Errorf("%q is shown as %q", name, text)
		}
		opened = append(opened, name)
	}
	slices.Sort(opened)
	if want := slices.Sorted(slices.Values(nastyNames)); !slices.Equal(opened, want) {
		t.Errorf("the links lead to %q", opened)
	}
	for _, line := range strings.FieldsFunc(got.body, func(r rune) bool { return strings.ContainsRune("\n\v\f\r\x1c\x1d\x1e\u0085\u2028\u2029", r) }) {
		if strings.Contains(line, "<a ") != strings.Contains(line, "</a>") {
			t.Errorf("what splits lines as Python does sees %q", line)
		}
	}
}

// Nothing else is linked, and the parent only where there is one.
func TestIndexHasNoOtherLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "file", "")
	write(t, dir, "folder/other", "")
	addr := serveFolder(t, dir, "/")
	for path, want := range map[string][]string{"/": {"folder/", "file"}, "/folder/": {"../", "other"}} {
		doc := parsePage(t, ask(t, "GET", "http://"+addr+path).body)
		var hrefs []string
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				if a.Key == "href" || a.Key == "src" {
					hrefs = append(hrefs, a.Val)
				}
			}
		}
		if !slices.Equal(hrefs, want) {
			t.Errorf("%s links to %q, want %q", path, hrefs, want)
		}
	}
}

// Every line of a name is as long as any other, whatever the file has become.
func TestIndexLineHasOneLength(t *testing.T) {
	for _, name := range append([]string{"a", strings.Repeat("日", 50), strings.Repeat("x", 49), strings.Repeat("x", 50)}, nastyNames...) {
		for _, wasFolder := range []bool{false, true} {
			want := len(appendIndexLine(nil, row{name: name, isFolder: wasFolder}, wasFolder))
			if isPlain([]byte(name)) && plainLength(len(name), wasFolder) != want {
				t.Errorf("%q: %d bytes are computed, %d written", name, plainLength(len(name), wasFolder), want)
			}
			for _, isFolder := range []bool{false, true} {
				for _, size := range []int64{math.MinInt64, 0, 1, math.MaxInt64} {
					for _, at := range []int64{math.MinInt64 / 2, 0, 1_700_000_000, 1 << 60} {
						line := appendIndexLine(nil, row{name, isFolder, size, time.Unix(at, 0).UTC()}, wasFolder)
						if len(line) != want || bytes.Count(line, []byte("\n")) != 1 || !bytes.Contains(line, []byte("</a>  ")) {
							t.Fatalf("%q, a folder %t, then %t: %q has %d bytes, want %d", name, wasFolder, isFolder, line, len(line), want)
						}
					}
				}
			}
		}
	}
}

// changing is a folder whose files change after it was read.
type changing struct{ memSource }

func (s *changing) Stat(name string) (Entry, error) {
	switch name {
	case "gone":
		return Entry{}, os.ErrNotExist
	case "link":
		return Entry{IsFolder: true, Modified: time.Unix(0, 0)}, nil
	}
	return Entry{Size: math.MaxInt64, Modified: time.Unix(0, 0)}, nil
}

func TestIndexOfAFolderThatChanges(t *testing.T) {
	src := &changing{memSource{names: []Name{{"gone", false}, {"link", false}, {"was folder", true}, {"x", false}}}}
	b, err := New().indexBody(Folder{Path: "/", IsRoot: true, Source: src}, query{sort: byName})
	if err != nil {
		t.Fatal(err)
	}
	lines := indexLines(t, bodyText(t, b))
	want := []string{"was folder", "", "link/", "x"}
	if len(lines) != len(want) {
		t.Fatalf("%q", lines)
	}
	for i, line := range lines {
		parts := indexLine.FindStringSubmatch(line)
		if want[i] == "" && strings.TrimSpace(line) != "" || want[i] != "" && (parts == nil || parts[2] != want[i]) {
			t.Errorf("line %d is %q, want %s", i, line, want[i])
		}
	}
}

// Whatever its size, an index has every name of the folder once, and its order is that
// of the query as far as it is held.
func TestIndexIsComplete(t *testing.T) {
	for _, names := range []int{0, 1, batch, batch + 1, sortable, 2*sortable + 7} {
		t.Run(strconv.Itoa(names), func(t *testing.T) {
			src := &memSource{names: memNames(names), batch: 999}
			addr := serveApp(t, func(app *fiber.App) {
				l := New()
				app.Get("/", func(c *fiber.Ctx) error {
					src.next = 0
					return l.Answer(c, Folder{Path: "/", IsRoot: true, Source: src})
				})
			})
			for _, order := range []string{"", "?order=desc", "?page=2&limit=10"} {
				got := ask(t, "GET", "http://"+addr+"/"+order)
				if names <= sortable && got.ContentLength < 0 {
					t.Errorf("%s: no Content-Length", order)
				}
				seen := map[string]bool{}
				last, unsorted := "", 0
				for line := range strings.Lines(got.body) {
					_, name, ok := strings.Cut(line, `">`)
					if !ok || !strings.HasPrefix(line, "<a ") {
						continue
					}
					name, _, _ = strings.Cut(name, "</a>")
					seen[name] = true
					a, aIsFolder := strings.CutSuffix(last, "/")
					b, bIsFolder := strings.CutSuffix(name, "/")
					if last != "" && compareEntries([]byte(a), aIsFolder, []byte(b), bIsFolder, order == "?order=desc") > 0 {
						unsorted++
					}
					last = name
				}
				if len(seen) != names || unsorted > names/sortable {
					t.Errorf("%s: %d names, %d times out of order", order, len(seen), unsorted)
				}
			}
		})
	}
}

func TestIndexSortsAndFilters(t *testing.T) {
	src := func() Folder {
		sizes := map[string]int64{"a.iso": 3, "b.iso": 1, "c.iso": 2, "d.txt": 9}
		m := &memSource{entries: func(name string) Entry { return Entry{Size: sizes[name], Modified: time.Unix(sizes[name], 0)} }}
		for name := range sizes {
			m.names = append(m.names, Name{Name: name})
		}
		return Folder{Path: "/", Source: m}
	}
	for _, test := range []struct {
		q    query
		want []string
	}{
		{query{sort: byName}, []string{"a.iso", "b.iso", "c.iso", "d.txt"}},
		{query{sort: bySize}, []string{"b.iso", "c.iso", "a.iso", "d.txt"}},
		{query{sort: byTime, descending: true, filter: "ISO"}, []string{"a.iso", "c.iso", "b.iso"}},
		{query{sort: byName, filter: "x.i"}, nil},
	} {
		b, err := New().indexBody(src(), test.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range indexLines(t, bodyText(t, b)) {
			got = append(got, indexLine.FindStringSubmatch(line)[2])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.q, got, test.want)
		}
	}
}

// closing counts how often a source is closed, and can break.
type closing struct {
	memSource
	closed int
	broken int // after so many names; 0 never
}

func (s *closing) Close() error {
	s.closed++
	return nil
}

var errDisk = errors.New("disk broke")

func (s *closing) ReadDir(n int) ([]Name, error) {
	if s.broken > 0 && s.next >= s.broken {
		return nil, errDisk
	}
	return s.memSource.ReadDir(n)
}

// A source is closed once, however the answer ends.
func TestSourceIsClosedOnce(t *testing.T) {
	for _, test := range []struct {
		what                 string
		names, broken, heads int
	}{
		{"small", 10, 0, 0},
		{"HEAD", 10, 0, 1},
		{"several runs", 3 * sortable, 0, 0},
		{"HEAD of several runs", 3 * sortable, 0, 1},
		{"broken at once", 10, 1, 0},
		{"broken in a later run", 3 * sortable, 2 * sortable, 0},
	} {
		for _, format := range formatNames {
			src := &closing{memSource: memSource{names: memNames(test.names)}, broken: test.broken}
			app := fiber.New()
			l := New()
			app.Get("/", func(c *fiber.Ctx) error { return l.Answer(c, Folder{Path: "/", Source: src}) })
			method := [...]string{"GET", "HEAD"}[test.heads]
			req := httptest.NewRequest(method, "/?format="+format, nil)
			resp, err := app.Test(req, -1)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
			}
			if src.closed != 1 {
				t.Errorf("%s, %s: closed %d times", test.what, format, src.closed)
			}
		}
	}
}

// An index that cannot be completed ends in an error, not as if it were whole.
func TestIndexThatBreaksIsNotWhole(t *testing.T) {
	src := &closing{memSource: memSource{names: memNames(3 * sortable)}, broken: 2 * sortable}
	b, err := New().indexBody(Folder{Path: "/", Source: src}, query{sort: byName})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := b.WriteTo(&out); !errors.Is(err, errDisk) || !errors.Is(b.Err(), errDisk) || strings.Contains(out.String(), "</html>") {
		t.Errorf("%v, %v after %d bytes", err, b.Err(), out.Len())
	}
}

// Kodi takes a link whose text is its own name for an entry, and its patterns find date
// and size (HTTPDirectory.cpp). httpdirfs takes links without a slash inside.
func TestIndexForKodiAndHttpdirfs(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, dir)
	write(t, dir, "folder name/x", "")
	item := regexp.MustCompile(`(?i)<a href="(.*)">(.*)</a>`)
	date := regexp.MustCompile(`(?i)</a> +([0-9]{2})-([A-Z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}) `)
	size := regexp.MustCompile(`(?i)([0-9]+)(B|K|M|G)?$`)
	found := 0
	for line := range strings.Lines(ask(t, "GET", "http://"+serveFolder(t, dir, "/")+"/").body) {
		line = strings.TrimRight(line, "\r\n")
		entry := item.FindStringSubmatch(line)
		if entry == nil {
			continue
		}
		found++
		link := strings.TrimSuffix(entry[1], "/")
		name, err := url.PathUnescape(link)
		if err != nil || strings.Contains(link, "/") || !date.MatchString(line) || size.MatchString(line) == (link != entry[1]) {
			t.Errorf("%q is not understood (%v)", line, err)
		}
		if shown := strings.TrimSuffix(html.UnescapeString(entry[2]), "/"); shown != name && !strings.Contains(shown, "\ufffd") {
			t.Errorf("%q is shown as %q", name, shown)
		}
	}
	if found != len(nastyNames)+1 {
		t.Errorf("%d entries of %d", found, len(nastyNames)+1)
	}
}
