package listing

import (
	"bytes"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"fullbore/static/reply"
)

// bodyText is what a body sends, which is the same by both ways, and as long
// as it was measured.
func bodyText(t *testing.T, b *body) string {
	t.Helper()
	again := *b
	length := b.measure()
	var out bytes.Buffer
	n, err := b.WriteTo(&out)
	if err != nil || n != int64(length) || out.Len() != length || b.BytesSent() != n || b.Err() != nil {
		t.Fatalf("%d bytes of %d, %d are said to be sent (%v)", out.Len(), length, b.BytesSent(), err)
	}
	var read bytes.Buffer
	if _, err := read.ReadFrom(iotest.OneByteReader(readOnly{&again})); err != nil || !bytes.Equal(read.Bytes(), out.Bytes()) {
		t.Fatalf("reading gives %d bytes, writing %d (%v)", read.Len(), out.Len(), err)
	}
	if again.BytesSent() != int64(length) {
		t.Errorf("%d of %d bytes are said to be read", again.BytesSent(), length)
	}
	return out.String()
}

type readOnly struct{ b *body }

func (r readOnly) Read(p []byte) (int, error) { return r.b.Read(p) }

func TestTextHasOneNamePerLine(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, dir)
	write(t, dir, "folder/x", "")
	addr := serveFolder(t, dir, "/")
	got := ask(t, "GET", "http://"+addr+"/", "User-Agent: curl/8.5.0").body
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != len(nastyNames)+1 || lines[0] != "folder/" {
		t.Fatalf("%d lines for %d names: %q", len(lines), len(nastyNames)+1, lines)
	}
	for _, line := range lines {
		if line == "" || strings.HasPrefix(line, "#") || reply.Printable(line) != line {
			t.Errorf("a line is %q", line)
		}
	}
}

// Names are given exactly as links, one per line, and can be fetched from there.
func TestURLsLeadToEveryName(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, filepath.Join(dir, "d"))
	addr := serveFolder(t, dir, "/")
	base, _ := url.Parse("http://" + addr + "/d/")
	var got []string
	for line := range strings.Lines(ask(t, "GET", base.String()+"?format=urls").body) {
		target, err := base.Parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ask(t, "GET", target.String()).body)
	}
	want := slices.Sorted(slices.Values(nastyNames))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the links lead to %q", got)
	}
	lines := strings.Split(ask(t, "GET", base.String()+"?format=urls&limit=3&page=2").body, "\n")
	if len(lines) != 5 || lines[3] != "./?format=urls&limit=3&page=3" {
		t.Errorf("a page in the middle is %q", lines)
	}
}

func TestTextSaysThatThereIsMore(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		write(t, dir, name, "")
	}
	addr := serveFolder(t, dir, "/")
	for query, want := range map[string]string{
		"":                "a\nb\nc\n",
		"?limit=2":        "a\nb\n# 1–2 of 3 names, next: ./?limit=2&page=2\n",
		"?limit=2&page=2": "c\n# 3–3 of 3 names\n",
		"?filter=x":       "",
	} {
		if got := ask(t, "GET", "http://"+addr+"/"+query, "Accept: text/plain").body; got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}
