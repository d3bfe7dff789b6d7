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
}

// Handler serves one root. It is safe for concurrent use.
type Handler struct {
	cfg  Config
	root *os.Root
	only string // in one-file mode: the name of the file within root
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
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", root, errors.Unwrap(err))
	}
	folder := root
	switch {
	case info.IsDir():
	case info.Mode().IsRegular():
		folder, h.only = filepath.Split(filepath.Clean(root))
		folder = filepath.Clean(folder)
	default:
		return nil, fmt.Errorf("open %s: neither a folder nor a regular file", root)
	}
	if h.root, err = os.OpenRoot(folder); err != nil {
		return nil, err
	}
	if err := h.readable(); err != nil {
		_ = h.root.Close() // err says more
		return nil, err
	}
	return h, nil
}

// readable finds out at the start what would otherwise be every request's 403.
func (h *Handler) readable() error {
	name := "."
	if h.only != "" {
		name = h.only
	}
	f, err := h.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only looked at
	if h.only == "" {
		if _, err := f.Readdirnames(1); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// Close lets go of the root. Requests that come later fail.
func (h *Handler) Close() error { return h.root.Close() }

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
	name, ok := fileName(urlPath)
	if !ok || (h.only != "" && name != h.only) {
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
	return sendListing(c, dir, urlPath)
}

// open opens name below the root, which os.Root makes sure of for "..",
// absolute names and links, and asks the open file, not the name, what it is.
// O_NONBLOCK lets a FIFO be opened without waiting for its writer.
func (h *Handler) open(name string) (*os.File, fs.FileInfo, error) {
	f, err := h.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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

// fileName turns a URL path into a name below the root; false for a path that
// no file can have.
func fileName(urlPath string) (string, bool) {
	name := strings.Trim(urlPath, "/")
	if name == "" {
		return ".", true
	}
	return name, !strings.ContainsRune(name, 0)
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
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE),
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
