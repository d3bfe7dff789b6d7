package static

// A connection whose handlers may not sleep.

import (
	"errors"
	"net"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/static/source"
)

// memory is a source that opens at once what is not in slow.
type memory struct {
	source.Source
	files  fstest.MapFS
	slow   map[string]bool
	waited []string
}

func (m *memory) Open(name string, wait source.Wait) (source.File, source.Info, error) {
	if wait == source.MayWait {
		m.waited = append(m.waited, name)
	} else if m.slow[name] {
		return nil, source.Info{}, source.ErrWouldBlock
	}
	return m.Source.Open(name, source.MayWait)
}

func inMemory(files map[string]string) *memory {
	m := &memory{files: fstest.MapFS{}}
	for name, content := range files {
		m.files[name] = &fstest.MapFile{Data: []byte(content), ModTime: time.Now().Add(-time.Hour)}
	}
	m.Source = source.FS(m.files)
	return m
}

// sleepless is a connection whose handlers may not sleep before they said so.
type sleepless struct {
	*noConn
	blocked int
}

func (s *sleepless) MayBlock() bool { return s.blocked > 0 }
func (s *sleepless) Block()         { s.blocked++ }

// tellsOfBytes reports whether kernel and file system know if a read would block.
func tellsOfBytes(root source.Source) bool {
	f, _, err := root.Open("f.bin", source.MayWait)
	if err != nil {
		return false
	}
	defer closeQuietly(f)
	_, err = f.(source.NoWaiter).ReadAtNoWait(make([]byte, 1), 0)
	return err == nil
}

func TestHandlerTellsBeforeItSleeps(t *testing.T) {
	m := inMemory(map[string]string{"f.txt": "content", "f.bin": "content", "cold.txt": "content", "noextension": "content", "page.html": noise(5000, 1), "index/index.html": "index", "sub/x": "x"})
	m.slow = map[string]bool{"cold.txt": true}
	dir := t.TempDir()
	for name, file := range m.files {
		write(t, dir, name, string(file.Data))
	}
	disk, err := source.OpenDisk(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	for name, root := range map[string]source.Source{"memory": m, "disk": disk} {
		app := fiber.New()
		app.Use(Serve(root, Config{Compress: true, Browse: true}).Handle)
		handle := app.Handler()
		for _, test := range []struct {
			target, header string
			blocks         bool
		}{
			{"/f.bin", "", false},
			{"/f.txt", "", name == "memory"}, // is it UTF-8?
			{"/nope", "", false},
			{"/index/", "", name == "memory"},
			{"/cold.txt", "", name == "memory"},
			{"/noextension", "", name == "memory"},
			{"/sub/", "", true},
			{"/page.html", "gzip", true},
			{"/page.html", "", name == "memory"},
		} {
			for _, wrap := range []bool{false, true} { // the first time on disk the kernel may not know the name yet
				if f, _, err := root.Open(strings.Trim(test.target, "/"), source.MayWait); err == nil {
					closeQuietly(f)
				}
				if _, _, err := root.Open("f.txt", source.NoWait); errors.Is(err, source.ErrWouldBlock) {
					t.Skip("this kernel cannot tell: no RESOLVE_CACHED")
				}
				m.waited = nil
				conn := &sleepless{noConn: &noConn{}}
				outermost := net.Conn(conn)
				if wrap {
					outermost = wrapped{outermost}
				}
				var ctx fasthttp.RequestCtx
				ctx.Init2(outermost, nil, true)
				ctx.Request.SetRequestURI(test.target)
				ctx.Request.Header.Set("Accept-Encoding", test.header)
				handle(&ctx)
				// Not every kernel and file system can tell of a name that is not there,
				// and of bytes.
				open := name == "disk" && (test.target == "/nope" || test.target == "/noextension" || !tellsOfBytes(root))
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

// wrapped is a connection inside another, as below TLS.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

// noConn is a connection that nothing goes over.
type noConn struct{ net.Conn }

func (*noConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }
func (*noConn) LocalAddr() net.Addr  { return &net.TCPAddr{} }

// bounded is a source that counts reads, and lets none into closed.txt.
type bounded struct {
	source.Source
	inside, entered int
}

func (g *bounded) Enter(name string) (source.Gate, error) {
	if name == "closed.txt" {
		return nil, errors.New("closed")
	}
	g.entered++
	g.inside++
	return g, nil
}

func (g *bounded) Leave(string, error) { g.inside-- }

// A read that blocks before the response begins asks the source, and is not made if that
// does not want it.
func TestReadsThatBlockAskTheSource(t *testing.T) {
	g := &bounded{Source: inMemory(map[string]string{"open.txt": "content", "closed.txt": "content", "f.bin": "content"})}
	app := fiber.New()
	app.Use(Serve(g).Handle)
	handle := app.Handler()
	for target, want := range map[string]struct{ status, entered int }{"/open.txt": {200, 1}, "/closed.txt": {500, 0}, "/f.bin": {200, 0}} {
		g.entered = 0
		var ctx fasthttp.RequestCtx
		ctx.Init2(&noConn{}, nil, true)
		ctx.Request.SetRequestURI(target)
		handle(&ctx)
		if ctx.Response.StatusCode() != want.status || g.entered != want.entered || g.inside != 0 {
			t.Errorf("%s: %d, %d reads asked, %d did not leave", target, ctx.Response.StatusCode(), g.entered, g.inside)
		}
		_ = ctx.Response.CloseBodyStream()
	}
}
