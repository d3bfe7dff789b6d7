//go:build linux && (amd64 || arm64)

package app

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"fullbore/app/config"
	"fullbore/static"
	"fullbore/static/source"
)

// panicking is a file system with files that panic: one when it is opened, one when it is
// read, and a folder when its second part is listed.
type panicking struct{ fstest.MapFS }

func (p panicking) Open(name string) (fs.File, error) {
	f, err := p.MapFS.Open(name)
	switch name {
	case "opened":
		panic("on purpose, at the opening")
	case "read.txt":
		return panicsWhenRead{f}, err
	case "listed":
		return &panicsWhenListed{ReadDirFile: f.(fs.ReadDirFile)}, err //nolint:forcetypeassert // a folder
	}
	return f, err
}

type panicsWhenRead struct{ fs.File }

// ReadAt panics where nothing is read before the header is sent.
func (f panicsWhenRead) ReadAt(p []byte, offset int64) (int, error) {
	if offset+int64(len(p)) > 200_000 {
		panic("on purpose, at reading")
	}
	return f.File.(io.ReaderAt).ReadAt(p, offset) //nolint:forcetypeassert // those of MapFS are
}

type panicsWhenListed struct {
	fs.ReadDirFile
	calls int
}

func (p *panicsWhenListed) ReadDir(n int) ([]fs.DirEntry, error) {
	if p.calls++; p.calls > 10 {
		panic("on purpose, at listing")
	}
	return p.ReadDirFile.ReadDir(min(n, 100))
}

// A panic in a handler is a 500, one in a stream the end of its connection; each is in
// the log and counted, and the server goes on.
func TestPanicsEndNoMoreThanTheirConnection(t *testing.T) {
	root := panicking{fstest.MapFS{
		"f": {Data: []byte("content")}, "opened": {Data: []byte("x")}, "read.txt": {Data: []byte(strings.Repeat("text ", 60_000)), ModTime: time.Unix(1, 0)},
	}}
	for i := range 2000 {
		root.MapFS[fmt.Sprintf("listed/%d", i)] = &fstest.MapFile{}
	}
	for _, engine := range []string{config.EngineEpoll, config.EngineGoroutines} {
		t.Run(engine, func(t *testing.T) {
			s := serveFuzzed(t, engine, t.TempDir())
			s.app.files.swap(generationBy(s.app, static.Serve(source.FS(root), static.Config{Browse: true, Compress: true, DAV: true})))
			for _, test := range []struct {
				name, request, method string
				status                int // 0: the answer breaks off
			}{
				{"in a handler", "GET /opened HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 500},
				{"in a handler, HEAD", "HEAD /opened HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD", 500},
				{"in a handler, on a goroutine", "GET /opened HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "GET", 500},
				{"in the body of a file", "GET /read.txt HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 0},
				{"in a body that is compressed", "GET /read.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n", "GET", 0},
				{"in several ranges", "GET /read.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,210000-210001\r\n\r\n", "GET", 0},
				{"in a body on HTTP/1.0", "GET /read.txt HTTP/1.0\r\n\r\n", "GET", 0},
				{"in a listing", "GET /listed/?format=index HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 500},
				{"in a listing on HTTP/1.0", "GET /listed/?format=index HTTP/1.0\r\n\r\n", "GET", 500},
				{"in a multistatus", "PROPFIND /listed/ HTTP/1.1\r\nHost: a\r\nDepth: 1\r\n\r\n", "PROPFIND", 0},
				{"in a multistatus on HTTP/1.0", "PROPFIND /listed/ HTTP/1.0\r\nDepth: 1\r\n\r\n", "PROPFIND", 0},
			} {
				answers, said := s.exchange(t, []byte(test.request))
				status, _, err := readAnswer(bufio.NewReader(strings.NewReader(string(answers))), test.method)
				old := strings.Contains(test.request, "HTTP/1.0")
				switch {
				case len(said) != 1:
					t.Errorf("%s: %d records: %+v", test.name, len(said), said)
				case !strings.Contains(said[0].Error, "on purpose"):
					t.Errorf("%s: the record says %+v", test.name, said[0])
				case test.status > 0 && (status != test.status || err != nil || said[0].Status != test.status):
					t.Errorf("%s: answered %d, %v", test.name, status, err)
				case test.status == 0 && (said[0].Outcome != "error" || err == nil && !old):
					t.Errorf("%s: answered %d, %v; the record says %+v", test.name, status, err, said[0])
				}
				if answers, _ := s.exchange(t, []byte("GET /f HTTP/1.1\r\nHost: a\r\n\r\n")); !strings.HasSuffix(string(answers), "content") {
					t.Errorf("%s: afterwards the server says %q", test.name, answers)
				}
			}
		})
	}
}

// generationBy serves by another handler what the app was configured for.
func generationBy(a *App, h *static.Handler) *generation {
	g := &generation{Handler: h, cfg: a.files.now.Load().cfg}
	g.users.Store(1)
	return g
}
