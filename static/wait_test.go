package static

// The seam to where files come from: a source that is no disk, and a connection
// whose handlers may not sleep.

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/static/listing"
	"fullbore/static/source"
)

// memory is a source without descriptors. What is in slow would block.
type memory struct {
	fstest.MapFS
	slow   map[string]bool
	waited []string
}

func (m *memory) Open(name string, wait source.Wait) (source.File, source.Info, error) {
	if wait == source.MayWait {
		m.waited = append(m.waited, name)
	} else if m.slow[name] {
		return nil, source.Info{}, source.ErrWouldBlock
	}
	f, err := m.MapFS.Open(name)
	if err != nil {
		return nil, source.Info{}, err
	}
	opened := memoryFile{f}
	info, err := opened.Stat()
	return opened, info, err
}

func (m *memory) List(folder source.File, name string) source.Folder {
	return memoryFolder{folder.(memoryFile).File.(fs.ReadDirFile), m, name}
}

func (m *memory) Alive() (fs.FileInfo, error) { return m.Stat(".") }
func (m *memory) Close() error                { return nil }

type memoryFile struct{ fs.File }

func (f memoryFile) ReadAt(p []byte, offset int64) (int, error) {
	return f.File.(io.ReaderAt).ReadAt(p, offset)
}

func (f memoryFile) Stat() (source.Info, error) {
	info, err := f.File.Stat()
	if err != nil {
		return source.Info{}, err
	}
	kind := source.Regular
	if info.IsDir() {
		kind = source.Directory
	}
	return source.Info{Kind: kind, Size: info.Size(), ModTime: info.ModTime()}, nil
}

type memoryFolder struct {
	fs.ReadDirFile
	m    *memory
	name string
}

func (f memoryFolder) Look(base string) (source.Info, error) {
	opened, info, err := f.m.Open(base, source.MayWait)
	if err != nil {
		return info, err
	}
	return info, opened.Close()
}

func inMemory(files map[string]string) *memory {
	m := &memory{MapFS: fstest.MapFS{}}
	for name, content := range files {
		m.MapFS[name] = &fstest.MapFile{Data: []byte(content), ModTime: time.Now().Add(-time.Hour)}
	}
	return m
}

func TestSourceThatIsNoDisk(t *testing.T) {
	large := noise(300_000, 1)
	m := inMemory(map[string]string{"f.txt": "content", "large": large, "index/index.html": "index", "sub/x": "x"})
	for kind, on := range sockets {
		h := &Handler{cfg: Config{Index: "index.html"}, root: m, listing: listing.New(listing.Config{})}
		s := serveHandler(t, on, "/", h)
		for target, want := range map[string]string{"/f.txt": "content", "/large": large, "/index/": "index"} {
			if got := s.ask(t, "GET", target); got.StatusCode != 200 || got.body != want {
				t.Errorf("%s: %s: %d with %d bytes, want %d", kind, target, got.StatusCode, len(got.body), len(want))
			}
			if b := s.body(t); b.BytesSent() != int64(len(want)) || b.Err() != nil {
				t.Errorf("%s: %s: counted %d, %v", kind, target, b.BytesSent(), b.Err())
			}
		}
		if got := s.ask(t, "GET", "/large", "Range: bytes=5-9,100000-199999"); got.StatusCode != 206 || !strings.Contains(got.body, large[100_000:200_000]) {
			t.Errorf("%s: parts: %d with %d bytes", kind, got.StatusCode, len(got.body))
		}
		s.body(t)
		if got := s.ask(t, "GET", "/", "Accept: application/json"); got.StatusCode != 200 || !strings.Contains(got.body, `"f.txt"`) {
			t.Errorf("%s: its listing: %d %q", kind, got.StatusCode, got.body)
		}
		if got := s.ask(t, "GET", "/nope"); got.StatusCode != 404 {
			t.Errorf("%s: what is not there: %d", kind, got.StatusCode)
		}
	}
}

// sleepless is a connection whose handlers may not sleep before they said so.
type sleepless struct {
	*noConn
	blocked int
}

func (s *sleepless) MayBlock() bool { return s.blocked > 0 }
func (s *sleepless) Block()         { s.blocked++ }

func TestHandlerTellsBeforeItSleeps(t *testing.T) {
	m := inMemory(map[string]string{"f.txt": "content", "cold.txt": "content", "noextension": "content", "page.html": noise(5000, 1), "index/index.html": "index", "sub/x": "x"})
	m.slow = map[string]bool{"cold.txt": true}
	dir := t.TempDir()
	for name, file := range m.MapFS {
		write(t, dir, name, string(file.Data))
	}
	disk, err := source.OpenDisk(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	for name, root := range map[string]source.Source{"memory": m, "disk": disk} {
		app := fiber.New()
		h := &Handler{cfg: Config{Index: "index.html", Compress: true}, root: root, listing: listing.New(listing.Config{})}
		app.Use(h.Handle)
		handle := app.Handler()
		for _, test := range []struct {
			target, header string
			blocks         bool
		}{
			{"/f.txt", "", false},
			{"/nope", "", false},
			{"/index/", "", false},
			{"/cold.txt", "", name == "memory"},
			{"/noextension", "", name == "memory"},
			{"/sub/", "", true},
			{"/page.html", "gzip", true},
			{"/page.html", "", false},
		} {
			for range 2 { // the first time on disk the kernel may not know the name yet
				if f, _, err := root.Open(strings.Trim(test.target, "/"), source.MayWait); err == nil {
					closeQuietly(f)
				}
				if _, _, err := root.Open("f.txt", source.NoWait); errors.Is(err, source.ErrWouldBlock) {
					t.Skip("this kernel cannot tell: no RESOLVE_CACHED")
				}
				m.waited = nil
				conn := &sleepless{noConn: &noConn{}}
				var ctx fasthttp.RequestCtx
				ctx.Init2(conn, nil, true)
				ctx.Request.SetRequestURI(test.target)
				ctx.Request.Header.Set("Accept-Encoding", test.header)
				handle(&ctx)
				// Not every kernel and file system can tell of a name that is not there,
				// and of bytes.
				open := name == "disk" && (test.target == "/nope" || test.target == "/noextension")
				if conn.blocked > 0 != test.blocks && !open {
					t.Errorf("%s: %s %s: told %d times, want it told: %v", name, test.target, test.header, conn.blocked, test.blocks)
				}
				if !test.blocks && len(m.waited) > 0 {
					t.Errorf("%s: %s waited for %v without a word", name, test.target, m.waited)
				}
				_ = ctx.Response.CloseBodyStream()
			}
		}
	}
}

// noConn is a connection that nothing goes over.
type noConn struct{ net.Conn }

func (*noConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }
func (*noConn) LocalAddr() net.Addr  { return &net.TCPAddr{} }
