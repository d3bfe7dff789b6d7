// Package static is a Fiber v2 middleware that serves a folder, or one file,
// to be downloaded: conditional and range requests by RFC 9110, files opened
// so that no path leaves the folder, bytes sent by the kernel.
//
// It needs nothing from the rest of fullbore. Its body streams tell how many
// bytes were really sent to whoever asks (see Body), and use sendfile on any
// connection whose writer has ReadFrom.
package static

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Config of the middleware. The zero value is ready to use.
type Config struct {
	// Next skips the middleware for a request when it returns true.
	//
	// Optional. Default: nil
	Next func(c *fiber.Ctx) bool

	// Index is the file that stands for its folder.
	//
	// Optional. Default: "index.html"
	Index string

	// Hidden serves and lists files and folders whose name begins with a dot.
	// Without it only /.well-known (RFC 8615) is served.
	//
	// Optional. Default: false
	Hidden bool
}

// Handler serves one root. It is safe for concurrent use.
type Handler struct {
	cfg  Config
	root *os.Root // nil in one-file mode
	file string   // in one-file mode: the file as it was named
	only string   // in one-file mode: the last part of that
}

// New makes the middleware, in Fiber's manner. It panics when root cannot be
// opened.
func New(root string, config ...Config) fiber.Handler {
	h, err := Open(root, config...)
	if err != nil {
		panic(err)
	}
	return h.Handle
}

// Open opens root, a folder or a regular file, and serves it until Close. A
// single file is served under its own name, which / redirects to.
func Open(root string, config ...Config) (*Handler, error) {
	h := &Handler{}
	if len(config) > 0 {
		h.cfg = config[0]
	}
	if h.cfg.Index == "" {
		h.cfg.Index = "index.html"
	}
	info, err := os.Stat(root)
	switch {
	case err != nil:
	case info.IsDir():
		if h.root, err = os.OpenRoot(root); err == nil {
			err = readable(h.root)
		}
	case info.Mode().IsRegular():
		h.file, h.only = root, filepath.Base(root)
		var f *os.File
		if f, err = os.Open(root); err == nil {
			err = f.Close()
		}
	default:
		err = errors.New("neither a folder nor a regular file")
	}
	if err != nil {
		_ = h.Close() // err says more
		return nil, fmt.Errorf("open %s: %w", root, cause(err))
	}
	return h, nil
}

// cause is an error without the name that the system call was given, which
// with os.Root is not the one that the caller knows.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// readable finds out at the start what would otherwise be every request's 403:
// whether the folder can be listed, and entered.
func readable(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer closeQuietly(dir)
	names, err := dir.Readdirnames(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, name := range names {
		if _, err := root.Lstat(name); errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// Close lets go of the root. Requests that come later fail.
func (h *Handler) Close() error {
	if h.root == nil {
		return nil
	}
	return h.root.Close()
}

// Handle answers GET and HEAD; other methods get 405.
func (h *Handler) Handle(c *fiber.Ctx) error {
	if h.cfg.Next != nil && h.cfg.Next(c) {
		return c.Next()
	}
	if method := c.Method(); method != fiber.MethodGet && method != fiber.MethodHead {
		c.Set(fiber.HeaderAllow, "GET, HEAD")
		return fiber.ErrMethodNotAllowed
	}
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	urlPath := requestPath(c)
	if h.only != "" && urlPath == "/" {
		return redirect(c, h.only)
	}
	name, ok := h.fileName(urlPath)
	if !ok {
		return fiber.ErrNotFound
	}
	f, info, err := h.open(name)
	if err != nil {
		return statusOf(c, err)
	}
	switch {
	case info.IsDir():
		return h.folder(c, f, name, urlPath)
	case !info.Mode().IsRegular(), strings.HasSuffix(urlPath, "/"):
		closeQuietly(f)
		return fiber.ErrNotFound
	}
	return sendFile(c, f, info)
}

// folder answers for an open folder: its index file, or a listing.
func (h *Handler) folder(c *fiber.Ctx, dir *os.File, name, urlPath string) error {
	defer closeQuietly(dir)
	if !strings.HasSuffix(urlPath, "/") {
		// Relative links in the page need the slash.
		return redirect(c, path.Base(urlPath)+"/")
	}
	f, info, err := h.open(path.Join(name, h.cfg.Index))
	switch {
	case err == nil && info.Mode().IsRegular():
		return sendFile(c, f, info)
	case err == nil:
		closeQuietly(f)
	case !errors.Is(err, fs.ErrNotExist):
		return statusOf(c, err)
	}
	return h.sendListing(c, dir, name, urlPath)
}

// open opens name below the root, which os.Root makes sure of for "..",
// absolute names and links, and asks the open file, not the name, what it is.
// O_NONBLOCK lets a FIFO be opened without waiting for its writer.
func (h *Handler) open(name string) (*os.File, fs.FileInfo, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	var f *os.File
	var err error
	if h.only != "" { // name is not used: whoever named the file meant it, link or not
		f, err = os.OpenFile(h.file, flags, 0)
	} else {
		f, err = h.root.OpenFile(name, flags, 0)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		closeQuietly(f)
		return nil, nil, err
	}
	return f, info, nil
}

// closeQuietly closes a file that was only read; there is nothing to lose.
func closeQuietly(f *os.File) { _ = f.Close() }

// requestPath is the path as decoded, once, and normalized by fasthttp, without
// the prefix that the middleware is mounted under.
func requestPath(c *fiber.Ctx) string {
	prefix := strings.TrimRight(strings.TrimSuffix(c.Route().Path, "*"), "/")
	rest, ok := strings.CutPrefix(string(c.Context().Path()), prefix)
	if !ok || !strings.HasPrefix(rest, "/") {
		return "/" + rest
	}
	return rest
}

// fileName turns a URL path into a name below the root; false for one that is
// not to be served, or that no file can have.
func (h *Handler) fileName(urlPath string) (string, bool) {
	name := strings.Trim(urlPath, "/")
	switch {
	case h.only != "":
		return name, name == h.only
	case name == "":
		return ".", true
	case strings.ContainsRune(name, 0):
		return "", false
	}
	for i, element := range strings.Split(name, "/") {
		if h.hides(element) && (i > 0 || element != ".well-known") {
			return "", false
		}
	}
	return name, true
}

// hides reports whether a name is one of those that are not for everybody.
func (h *Handler) hides(name string) bool {
	return strings.HasPrefix(name, ".") && !h.cfg.Hidden
}

// redirect sends the client to a name beside or below the last element of its
// path, keeping the query. The target is relative, and starts with "./" so
// that a name can be neither a scheme nor a host.
func redirect(c *fiber.Ctx, target string) error {
	slash := ""
	if name, ok := strings.CutSuffix(target, "/"); ok {
		target, slash = name, "/"
	}
	location := "./" + escapePath(target) + slash
	if query := c.Context().URI().QueryString(); len(query) > 0 {
		location += "?" + string(query)
	}
	c.Set(fiber.HeaderLocation, location)
	return c.SendStatus(fiber.StatusFound)
}

// statusOf turns an error of the file system into a status. What it says of
// the disk stays in the log.
func statusOf(c *fiber.Ctx, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist),
		errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG),
		errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ELOOP),
		errors.Is(err, syscall.ENXIO), // a socket, or a device without a driver
		isEscape(err):
		return fmt.Errorf("%w: %w", fiber.ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", fiber.ErrForbidden, err)
	case errors.Is(err, errBusy),
		errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE),
		errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE):
		c.Set(fiber.HeaderRetryAfter, "5")
		return fmt.Errorf("%w: %w", fiber.ErrServiceUnavailable, err)
	}
	return err
}

// isEscape recognizes os.Root's refusal of a path that leaves the root; the
// error has no exported name.
func isEscape(err error) bool {
	var pathErr *fs.PathError
	return errors.As(err, &pathErr) && pathErr.Err.Error() == "path escapes from parent"
}

// sendFile answers with an open regular file, or the part of it asked for. It
// takes over f.
func sendFile(c *fiber.Ctx, f *os.File, info fs.FileInfo) error {
	v := validatorsOf(info)
	size := info.Size()
	c.Set(fiber.HeaderETag, v.etag)
	c.Set(fiber.HeaderLastModified, v.lastModified())
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	c.Set(fiber.HeaderContentType, contentType(info.Name()))

	switch precondition(&c.Request().Header, v) {
	case failed:
		closeQuietly(f)
		return fiber.ErrPreconditionFailed
	case notModified:
		closeQuietly(f)
		c.Response().Header.Del(fiber.HeaderContentType)
		c.Status(fiber.StatusNotModified)
		return nil
	}
	part := byteRange{length: size}
	if c.Method() == fiber.MethodGet { // RFC 9110 section 14.2: Range is for GET alone
		var verdict rangeVerdict
		part, verdict = rangeFor(&c.Request().Header, v, size, time.Now())
		switch verdict {
		case unsatisfiable:
			closeQuietly(f)
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", size))
			return fiber.ErrRequestedRangeNotSatisfiable
		case partial:
			c.Status(fiber.StatusPartialContent)
			c.Set(fiber.HeaderContentRange, part.contentRange(size))
		}
	}
	body, err := newBody(f, part, size)
	if err != nil {
		closeQuietly(f)
		return statusOf(c, err)
	}
	c.Context().SetBodyStream(body, int(part.length))
	return nil
}
