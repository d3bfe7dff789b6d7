package static

// Errors of the file system, and what clients are told of them.

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestStatusOf(t *testing.T) {
	wrap := func(err error) error { return &os.PathError{Op: "openat", Path: "x", Err: err} }
	for _, test := range []struct {
		err  error
		want int
	}{
		{wrap(syscall.ENOENT), 404},
		{wrap(syscall.ENOTDIR), 404},
		{wrap(syscall.ENAMETOOLONG), 404},
		{wrap(syscall.EINVAL), 404},
		{wrap(syscall.ELOOP), 404},
		{wrap(syscall.ENXIO), 404},
		{wrap(&os.LinkError{Err: fs.ErrNotExist}), 404},
		{fs.ErrNotExist, 404},
		{wrap(syscall.EACCES), 403},
		{wrap(syscall.EPERM), 403},
		{wrap(syscall.EMFILE), 503},
		{wrap(syscall.ENFILE), 503},
		{wrap(syscall.ENOMEM), 503},
		{wrap(syscall.EAGAIN), 503},
		{wrap(syscall.ETIMEDOUT), 503},
		{wrap(syscall.EIO), 503},
		{wrap(syscall.ESTALE), 503}, // of a network's file system: not a file that is not there
		// Mounts that die.
		{wrap(syscall.ENOTCONN), 503},     // FUSE whose process was killed
		{wrap(syscall.ECONNABORTED), 503}, // FUSE that was aborted, for calls in flight
		{wrap(syscall.EHOSTDOWN), 503},    // CIFS
		{wrap(syscall.EHOSTUNREACH), 503},
		{wrap(syscall.ENETUNREACH), 503},
		{wrap(syscall.ECONNREFUSED), 503},
		{wrap(syscall.ENODEV), 503}, // a disk that was pulled out
		{wrap(fs.ErrClosed), 500},
		{errors.New("something else"), 500},
	} {
		for _, err := range []error{test.err, fmt.Errorf("wrapped: %w", test.err)} {
			app := fiber.New()
			app.Use(func(c *fiber.Ctx) error { return statusOf(c, err) })
			req, _ := http.NewRequest(http.MethodGet, "http://test/", nil)
			resp, errTest := app.Test(req)
			if errTest != nil {
				t.Fatal(errTest)
			}
			resp.Body.Close()
			if resp.StatusCode != test.want || (test.want == 503) != (resp.Header.Get("Retry-After") == "5") {
				t.Errorf("%v: %d, Retry-After %q; want %d", err, resp.StatusCode, resp.Header.Get("Retry-After"), test.want)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	link(t, dir, "broken", "nope")
	link(t, dir, "null", os.DevNull)
	for root, want := range map[string]string{
		dir + "/nope":   "open " + dir + "/nope: no such file or directory",
		dir + "/broken": "open " + dir + "/broken: no such file or directory",
		dir + "/null":   "open " + dir + "/null: neither a folder nor a regular file",
		"":              "open : no such file or directory",
	} {
		if h, err := Open(root); err == nil {
			_ = h.Close()
			t.Errorf("%q was opened", root)
		} else if err.Error() != want {
			t.Errorf("%q: %q, want %q", root, err, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("New did not panic")
		}
	}()
	New(dir + "/nope")
}

// Requests that come after Close fail, and do not hit another's descriptor.
func TestClosedHandler(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "x")
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	app.Use(h.Handle)
	// Whoever opens a folder next has its number.
	other, err := os.Open(outside(t))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if status, body, _ := handled(app.Handler(), "/f"); status < 500 {
		t.Errorf("%d %q", status, body)
	}
	_ = h.Close() // again
}
