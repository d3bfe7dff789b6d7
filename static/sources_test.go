package static

// Sources that are no folder on disk: what they serve, over each kind of connection.

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fullbore/static/source"
)

// archived is a zip archive of files, which are compressed if their name says so.
func archived(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, content := range files {
		header := &zip.FileHeader{Name: name, Modified: time.Now().Add(-time.Hour), Method: zip.Store}
		if strings.Contains(name, "deflated") {
			header.Method = zip.Deflate
		}
		file, err := w.CreateHeader(header)
		if err == nil {
			_, err = io.WriteString(file, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func openArchive(t *testing.T, archive []byte) source.Source {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	return source.FS(r)
}

func TestArchiveIsServed(t *testing.T) {
	large, text := noise(3<<20, 1), strings.Repeat("a line of text\n", 30_000)
	archive := archived(t, map[string]string{
		"f.txt": "content", "empty": "", "large": large, "deflated.txt": text, "index/index.html": "index", "sub/x": "x",
	})
	for kind, on := range sockets {
		s := serveHandler(t, on, "/", Serve(openArchive(t, archive), Config{Browse: true}))
		for target, want := range map[string]string{"/f.txt": "content", "/empty": "", "/large": large, "/deflated.txt": text, "/index/": "index"} {
			got := s.ask(t, "GET", target)
			if got.StatusCode != 200 || got.body != want {
				t.Errorf("%s: %s: %d with %d bytes, want %d", kind, target, got.StatusCode, len(got.body), len(want))
			}
			if b := s.body(t); b.BytesSent() != int64(len(want)) || b.Err() != nil {
				t.Errorf("%s: %s: counted %d, %v", kind, target, b.BytesSent(), b.Err())
			}
			etag := got.Header.Get("ETag")
			if got := s.ask(t, "GET", target, "If-None-Match: "+etag); got.StatusCode != 304 {
				t.Errorf("%s: %s again: %d", kind, target, got.StatusCode)
			}
			if got := s.ask(t, "GET", target, "If-Match: "+etag, "Range: bytes=-3"); want != "" && (got.StatusCode != 206 || got.body != want[len(want)-3:]) {
				t.Errorf("%s: %s: its end: %d %q", kind, target, got.StatusCode, got.body)
			}
			s.body(t)
		}
		for _, target := range []string{"/large", "/deflated.txt"} {
			content := map[string]string{"/large": large, "/deflated.txt": text}[target]
			got := s.ask(t, "GET", target, "Range: bytes=200000-299999,5-9")
			if got.StatusCode != 206 || !strings.Contains(got.body, content[200_000:300_000]+"\r\n") || !strings.Contains(got.body, "\r\n"+content[5:10]+"\r\n") {
				t.Errorf("%s: parts of %s: %d with %d bytes", kind, target, got.StatusCode, len(got.body))
			}
			s.body(t)
		}
		if got := s.ask(t, "GET", "/", "Accept: application/json"); got.StatusCode != 200 || !strings.Contains(got.body, `"f.txt"`) || !strings.Contains(got.body, `"sub`) {
			t.Errorf("%s: its listing: %d %q", kind, got.StatusCode, got.body)
		}
		for target, status := range map[string]int{"/nope": 404, "/f.txt/x": 404, "/%ff": 404, "/sub": 302} {
			if got := s.ask(t, "GET", target); got.StatusCode != status {
				t.Errorf("%s: %s: %d, want %d", kind, target, got.StatusCode, status)
			}
		}
	}
}

// An archive says that a file is damaged when all of it was read. By then the client must
// not have all that it was promised.
func TestDamagedArchiveIsNeverSentWhole(t *testing.T) {
	content := noise(1<<20, 1)
	archive := archived(t, map[string]string{"f": content})
	archive[bytes.Index(archive, []byte(content[:100]))+500_000]++
	for kind, on := range sockets {
		s := serveHandler(t, on, "/", Serve(openArchive(t, archive)))
		conn := s.dial(t)
		if _, err := io.WriteString(conn, request("GET", "/f")); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(conn) // TLS says that the end is none
		b := s.body(t)
		if sent := b.BytesSent(); sent >= b.Size() || !errors.Is(b.Err(), zip.ErrChecksum) || len(got) > int(sent)+bufferSize {
			t.Errorf("%s: %d bytes counted, %d received, %v", kind, sent, len(got), b.Err())
		}
	}
}

// store is a source whose files have versions, as objects in a store do.
type store struct {
	source.Source
	version atomic.Pointer[string]
}

func (s *store) Open(name string, wait source.Wait) (source.File, source.Info, error) {
	f, _, err := s.Source.Open(name, wait)
	if err != nil {
		return nil, source.Info{}, err
	}
	object := &object{f, s}
	info, err := object.Stat()
	return object, info, err
}

type object struct {
	source.File
	s *store
}

func (o *object) Stat() (source.Info, error) {
	info, err := o.File.Stat()
	info.Version = *o.s.version.Load()
	return info, err
}

func TestVersionOfTheSourceIsTheEntityTag(t *testing.T) {
	content := noise(32<<20, 1)
	for kind, on := range sockets {
		objects := &store{Source: inMemory(map[string]string{"f": content}).Source}
		first, second := "\"9aü%\"", "2"
		objects.version.Store(&first)
		s := serveHandler(t, on, "/", Serve(objects))
		etag := s.ask(t, "HEAD", "/f").Header.Get("ETag")
		s.body(t)
		if got := s.ask(t, "GET", "/f", "If-None-Match: "+etag); got.StatusCode != 304 || etag != `"%229a%C3%BC%25%22"` {
			t.Errorf("%s: %s: %d", kind, etag, got.StatusCode)
		}
		conn := s.dial(t)
		if _, err := io.WriteString(conn, request("GET", "/f")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
			t.Fatal(err)
		}
		objects.version.Store(&second)
		_, _ = io.Copy(io.Discard, conn)
		if b := s.body(t); b.BytesSent() >= b.Size() || !errors.Is(b.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("%s: changed while it was sent: %d of %d bytes, %v", kind, b.BytesSent(), b.Size(), b.Err())
		}
		if got := s.ask(t, "GET", "/f", "If-Range: "+etag, "Range: bytes=1-2"); got.StatusCode != 200 || got.Header.Get("ETag") != fmt.Sprintf("%q", second) {
			t.Errorf("%s: the next version: %d %s", kind, got.StatusCode, got.Header.Get("ETag"))
		}
		s.body(t)
	}
}
