package static

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/source"
)

func TestStepsOfAPlan(t *testing.T) {
	const mib = 1 << 20
	a, b := &version{name: "a"}, &version{name: "b"}
	c := cursor{plan: segments{
		{text: "head", of: a, byteRange: byteRange{7, 20 * mib}},
		{text: "middle"},
		{of: b, byteRange: byteRange{0, lastPiece}},
		{},
		{of: b, byteRange: byteRange{0, 0}},
		{of: b, byteRange: byteRange{90, lastPiece + 5}},
		{text: "tail"},
	}}
	for i, want := range []struct {
		text          string
		of            *version
		start, length int64
		look          bool
	}{
		{"head", nil, 0, 0, false},
		{"", a, 7, 16 * mib, false},
		{"", a, 7 + 16*mib, 4*mib - lastPiece, true},
		{"", a, 7 + 20*mib - lastPiece, lastPiece, true}, // the end of the first file
		{"middle", nil, 0, 0, false},
		{"", b, 0, lastPiece, false}, // there is more of it
		{"", b, 90, 5, false},
		{"", b, 95, lastPiece, true},
		{"tail", nil, 0, 0, false},
		{"", nil, 0, 0, false},
	} {
		s := c.next()
		if s.text != want.text || s.of != want.of || s.start != want.start || s.length != want.length || s.look != want.look {
			t.Fatalf("step %d is %+v, want %+v", i, s, want)
		}
		c.advance(int64(len(s.text)) + s.length)
		if s.look {
			c.trusted = lookEvery
		}
	}
	ahead := (&cursor{plan: segments{{of: a, byteRange: byteRange{0, 3 * lastPiece}}}}).ahead()
	if s := ahead.next(); s.length != 3*lastPiece || !s.look {
		t.Errorf("what is gathered is looked at once, when all of it is there: %+v", s)
	}
}

// bundle is a body of two files with texts around them.
func bundle(root source.Source) (*Body, error) {
	b := &Body{}
	for i, name := range []string{"a", "b"} {
		f, info, err := root.Open(name, source.MayWait)
		if err != nil {
			return nil, err
		}
		b.files = append(b.files, segment{fmt.Sprintf("<%d>", i), &version{file: f, name: name, info: info}, byteRange{1, info.Size - 1}})
	}
	b.files = append(b.files, segment{text: "end"})
	b.follow(&b.files)
	return b, nil
}

// serveBundles answers every request with a bundle of root.
func serveBundles(t *testing.T, on socket, root source.Source) *site {
	return serveHandler(t, on, "/", Serve(root, Config{ModifyResponse: func(c *fiber.Ctx) error {
		b, err := bundle(root)
		if err != nil {
			return err
		}
		c.Context().SetBodyStream(b, int(b.length))
		if c.Method() == fiber.MethodGet {
			b.over(c.Response(), c.Context().Conn())
		}
		return nil
	}}))
}

func TestBodyOfTwoFiles(t *testing.T) {
	for _, sizes := range [][2]int{{1, 1}, {100, 5_000}, {30_000, 20_000}, {100_000, 1}, {17 << 20, 1 << 20}} {
		dir := t.TempDir()
		a, b := noise(sizes[0], 1), noise(sizes[1], 2)
		write(t, dir, "a", a)
		write(t, dir, "b", b)
		want := "<0>" + a[1:] + "<1>" + b[1:] + "end"
		archive := archived(t, map[string]string{"a": a, "b": b})
		for kind, on := range sockets {
			disk, err := source.OpenDisk(dir, false)
			if err != nil {
				t.Fatal(err)
			}
			for from, root := range map[string]source.Source{"disk": disk, "archive": openArchive(t, archive)} {
				s := serveBundles(t, on, root)
				if got := s.ask(t, "GET", "/a"); got.body != want {
					t.Errorf("%s: from %s, of %d and %d: %d of %d bytes, or others", kind, from, sizes[0], sizes[1], len(got.body), len(want))
				}
				body := s.body(t)
				if body.BytesSent() != int64(len(want)) || body.Size() != int64(len(want)) || body.Err() != nil {
					t.Errorf("%s: from %s: counted %d of %d, %v", kind, from, body.BytesSent(), body.Size(), body.Err())
				}
				body.Delivered(func(offset, length int64) {
					if offset != 0 || length != int64(len(want)) {
						t.Errorf("%s: from %s: %d bytes from %d on were delivered", kind, from, length, offset)
					}
				})
				if _, _, ok := body.Range(); ok {
					t.Errorf("%s: from %s: it passes for a range of one file", kind, from)
				}
			}
		}
	}
}

// A file that changes before its turn ends the body before it is whole. One that was
// sent may change.
func TestBodyOfTwoFilesOfWhichOneChanges(t *testing.T) {
	for kind, on := range sockets {
		for _, name := range []string{"a", "b"} {
			dir := t.TempDir()
			if err := os.Truncate(write(t, dir, "a", ""), 40<<20); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "b", strings.Repeat("b", 50_000))
			disk, err := source.OpenDisk(dir, false)
			if err != nil {
				t.Fatal(err)
			}
			s := serveBundles(t, on, disk)
			conn := s.dial(t)
			if _, err := io.WriteString(conn, request("GET", "/a")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
				t.Fatal(err)
			}
			if err := rewriteAt(filepath.Join(dir, name), "B", 0); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, conn)
			if b := s.body(t); b.BytesSent() >= b.Size() || !errors.Is(b.Err(), io.ErrUnexpectedEOF) || !strings.HasPrefix(b.Err().Error(), name+" ") {
				t.Errorf("%s: %s changed: %d of %d were sent, %v", kind, name, b.BytesSent(), b.Size(), b.Err())
			}
		}
	}
	dir := t.TempDir()
	write(t, dir, "a", strings.Repeat("a", 10_000))
	write(t, dir, "b", strings.Repeat("b", 10_000))
	disk, err := source.OpenDisk(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	b, err := bundle(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := io.CopyN(io.Discard, b, 15_000); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "a"), 0); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, b); n != b.length-15_000 || err != nil {
		t.Errorf("the first has changed after it was sent: %d bytes of the second, %v", n, err)
	}
}
