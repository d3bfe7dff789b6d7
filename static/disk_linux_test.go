package static

// The file system at its worst: links that change while they are followed, and
// what is no file. Each way to open a file has to pass: openat2, and os.Root
// where the kernel has none.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"fullbore/static/source"
)

// ways are the ways to open a file below a folder.
var ways = map[string]func(*testing.T, *Handler){
	"openat2": func(t *testing.T, _ *Handler) {
		fd, err := unix.Openat2(unix.AT_FDCWD, ".", &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC})
		if err != nil {
			t.Skip("this kernel has no openat2")
		}
		_ = unix.Close(fd)
	},
	"os.Root": func(t *testing.T, h *Handler) {
		if err := h.root.(*source.Disk).Portable(); err != nil {
			t.Fatal(err)
		}
	},
}

// everyWay runs a test with a Handler for each way.
func everyWay(t *testing.T, root string, config Config, do func(*testing.T, *Handler)) {
	t.Helper()
	for name, force := range ways {
		t.Run(name, func(t *testing.T) {
			h, err := Open(root, config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = h.Close() })
			force(t, h)
			do(t, h)
		})
	}
}

// appOf is an app with the middleware, to be called without a socket.
func appOf(h *Handler) fasthttp.RequestHandler {
	app := fiber.New()
	app.Use(h.Handle)
	return app.Handler()
}

func TestNoPathLeavesTheRootEitherWay(t *testing.T) {
	everyWay(t, outside(t), Config{}, func(t *testing.T, h *Handler) {
		checkPaths(t, serveHandler(t, onWire, "/", h).addr)
	})
}

// A link that leads inside when it is looked at and outside when it is
// followed is the classic hole. Here links, and folders on the way, change
// places as fast as they can while files below them are asked for.
func TestLinksSwappedWhileTheyAreFollowed(t *testing.T) {
	root := outside(t)
	write(t, root, "real/f", "inside")
	write(t, filepath.Dir(root), "evil/f", "SECRET")
	write(t, filepath.Dir(root), "evil/index.html", "SECRET")
	link(t, root, "swapped", "../evil")
	link(t, root, "flipped", "f")
	link(t, root, "far", filepath.Join(root, "real/f"))
	link(t, root, "fardir", filepath.Join(root, "real"))
	link(t, root, "farflip", filepath.Join(root, "flipped"))
	full := func(name string) string { return filepath.Join(root, name) }
	flip := func(to string) error { // as "ln -sfT" does
		return errors.Join(os.Symlink(to, full("flipped.new")), os.Rename(full("flipped.new"), full("flipped")))
	}
	var stop atomic.Bool
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for !stop.Load() {
			err := unix.Renameat2(unix.AT_FDCWD, full("real"), unix.AT_FDCWD, full("swapped"), unix.RENAME_EXCHANGE)
			if err = errors.Join(err, flip("../secret"), flip("f"), flip(full("f")), flip(full("../secret")), flip(full("sub/g"))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer swapper.Wait()
	defer stop.Store(true)
	everyWay(t, root, Config{Browse: true}, func(t *testing.T, h *Handler) {
		handle := appOf(h)
		seen := map[string]int{}
		targets := []string{"/real/f", "/flipped", "/real/", "/swapped/f", "/real/../flipped", "/", "/far", "/fardir/f", "/farflip"}
		for i := range 4500 {
			target := targets[i%len(targets)]
			status, body, _ := handled(handle, target)
			seen[fmt.Sprint(target, " ", status)]++
			if strings.Contains(body, "SECRET") {
				t.Fatalf("request %d for %s is answered with %q", i, target, body)
			}
			if !slices.Contains([]int{200, 302, 404, 503}, status) { // 503: it changed too often to be followed
				t.Errorf("%s: %d %q", target, status, body)
			}
		}
		t.Log(seen)
	})
}

func TestWhatIsNoRegularFileIsNotServed(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	link(t, dir, "tofifo", "fifo")
	link(t, dir, "tosocket", "socket")
	link(t, dir, "null", "/dev/null")
	link(t, dir, "zero", "/dev/zero")
	link(t, dir, "self", "/proc/self/fd/0")
	if err := unix.Mknod(filepath.Join(dir, "device"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
		t.Log("without a device of its own:", err)
	}
	for _, config := range []Config{{Browse: true}, {Browse: true, OutsideLinks: true}} {
		everyWay(t, dir, config, func(t *testing.T, h *Handler) {
			addr := serveHandler(t, onWire, "/", h).addr
			for _, name := range []string{"fifo", "socket", "tofifo", "tosocket", "null", "zero", "device"} {
				for _, target := range []string{"/" + name, "/" + name + "/", "/" + name + "/x"} {
					if got := ask(t, addr, "GET", target); got.StatusCode != 404 {
						t.Errorf("%s with %+v: %d", target, config, got.StatusCode)
					}
				}
				if page := ask(t, addr, "GET", "/", "Accept: application/json"); strings.Contains(page.body, `"`+name) {
					t.Errorf("%s is listed with %+v: %s", name, config, page.body)
				}
			}
		})
	}
}

// An index file that is no file, or that does not exist for clients, is none.
func TestIndexThatIsNoFile(t *testing.T) {
	root := outside(t)
	for folder, target := range map[string]string{
		"toout": "../../secret", "tonothing": "nope", "toitself": "index.html", "todevice": "/dev/null", "tofolder": "../sub",
	} {
		link(t, root, filepath.Join(folder, "index.html"), target)
		write(t, root, filepath.Join(folder, "marker"), "x")
	}
	write(t, root, "fifo/marker", "x") // which nobody writes to
	if err := syscall.Mkfifo(filepath.Join(root, "fifo", "index.html"), 0o644); err != nil {
		t.Fatal(err)
	}
	everyWay(t, root, Config{Browse: true}, func(t *testing.T, h *Handler) {
		addr := serveHandler(t, onWire, "/", h).addr
		for _, folder := range []string{"toout", "tonothing", "toitself", "todevice", "tofolder", "fifo"} {
			got := ask(t, addr, "GET", "/"+folder+"/")
			if got.StatusCode != 200 || !strings.Contains(got.body, "marker") || strings.Contains(got.body, "SECRET") {
				t.Errorf("%s: %d %.200q, want its listing", folder, got.StatusCode, got.body)
			}
		}
	})
}

// NFC and NFD of the same letters are two names, and lead to two files.
func TestUnicodeTwinsAreTwoFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "\u00e9", "composed")
	write(t, dir, "e\u0301", "decomposed")
	addr := serve(t, "/", dir)
	for target, want := range map[string]string{"/%c3%a9": "composed", "/\u00e9": "composed", "/e%cc%81": "decomposed"} {
		if got := ask(t, addr, "GET", target); got.body != want {
			t.Errorf("%s: %d %q, want %q", target, got.StatusCode, got.body, want)
		}
	}
}

func TestHardLinksAndEmptyAndSparseFiles(t *testing.T) {
	dir := t.TempDir()
	first := write(t, dir, "first", "content")
	if err := os.Link(first, filepath.Join(dir, "second")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "empty", "")
	if err := os.Truncate(write(t, dir, "huge", ""), 5<<40); err != nil {
		t.Fatal(err)
	}
	s := serveOn(t, onWire, "/", dir)
	one, two := s.ask(t, "GET", "/first"), s.ask(t, "GET", "/second")
	if one.body != "content" || two.body != "content" || one.Header.Get("ETag") != two.Header.Get("ETag") {
		t.Errorf("%q and %q, %s and %s", one.body, two.body, one.Header.Get("ETag"), two.Header.Get("ETag"))
	}
	if got := s.ask(t, "GET", "/empty"); got.StatusCode != 200 || got.body != "" || got.ContentLength != 0 {
		t.Errorf("empty: %d, length %d, %q", got.StatusCode, got.ContentLength, got.body)
	}
	if got := s.ask(t, "HEAD", "/huge"); got.ContentLength != 5<<40 {
		t.Errorf("5 TiB: Content-Length %d", got.ContentLength)
	}
	got := s.ask(t, "GET", "/huge", "Range: bytes=5497558138870-,0-1")
	want := []byteRange{{5<<40 - 10, 10}, {0, 2}}
	parts := partsOf(t, got.Header.Get("Content-Type"), got.body)
	if len(parts) != 2 || len(parts[0].content) != 10 || parts[0].contentRange != fmt.Sprintf("bytes %d-%d/%d", want[0].start, want[0].end()-1, 5<<40) {
		t.Errorf("the end of 5 TiB: %d %q", got.StatusCode, parts)
	}
}
