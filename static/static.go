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
	"io/fs"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/listing"
	"fullbore/static/source"
)

// Config of the middleware. The zero value serves files and nothing else.
type Config struct {
	// Next skips the middleware for a request when it returns true.
	//
	// Optional. Default: nil
	Next func(c *fiber.Ctx) bool

	// Index is the file that stands for its folder.
	//
	// Optional. Default: "index.html"
	Index string

	// Browse answers for a folder without an index file with a listing: HTML,
	// JSON or plain text, as the client accepts. Without it that is 403.
	//
	// Optional. Default: false
	Browse bool

	// Readme shows a folder's README or HEADER file above its listing.
	//
	// Optional. Default: false
	Readme bool

	// Download makes browsers save files rather than show them. Any client can
	// ask for that with ?download.
	//
	// Optional. Default: false
	Download bool

	// MaxAge is how many seconds caches may keep a file without asking again.
	//
	// Optional. Default: 0, caches decide from Last-Modified
	MaxAge int

	// Compress compresses text of 1 KiB to 10 MiB on the fly for clients that
	// accept it, by zstd or gzip.
	//
	// Optional. Default: false
	Compress bool

	// Precompressed sends the file beside a file whose name is longer by .zst,
	// .br or .gz to clients that accept its coding. One that is older than the
	// file itself is not used.
	//
	// Optional. Default: false
	Precompressed bool

	// Hidden serves and lists files and folders whose name begins with a dot.
	// Without it only /.well-known (RFC 8615) is served.
	//
	// Optional. Default: false
	Hidden bool

	// OutsideLinks follows symbolic links that lead out of the root, absolute
	// ones included. Without it they do not exist for clients.
	//
	// Optional. Default: false
	OutsideLinks bool

	// Growing sends files that are being appended to. Without it a file that
	// gets longer while it is sent is taken as changed, and the response is
	// broken off: what was appended to cannot be told from what was rewritten
	// and is longer now, which with this switch goes out unnoticed.
	//
	// Optional. Default: false
	Growing bool

	// HotCache is how many bytes of small files that are asked for again and
	// again are kept, by servers that run handlers where nothing may sleep. Each
	// is looked at whenever it is asked for, so that what is sent is what the
	// folder holds.
	//
	// Optional. Default: 0, nothing is kept
	HotCache int64

	// ContentSecurityPolicy goes with files that browsers run as documents:
	// HTML, SVG and other XML. "none" sends no policy.
	//
	// Optional. Default: PolicyDefault
	ContentSecurityPolicy string

	// ModifyResponse may change the header of a response that is not an error,
	// as the last step.
	//
	// Optional. Default: nil
	ModifyResponse fiber.Handler
}

// PolicyDefault lets documents show what they bring along from the same
// server, and run no script: whoever may put a file into the folder must not
// act in the name of the server's other users.
const PolicyDefault = "sandbox allow-popups allow-downloads; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'"

// Handler serves one root. It is safe for concurrent use.
type Handler struct {
	cfg          Config
	root         source.Source
	only         string           // the name of a single file; "" for a folder
	listing      *listing.Listing // nil: folders are not listed
	cacheControl string           // "" sends none
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
	switch h.cfg.ContentSecurityPolicy {
	case "":
		h.cfg.ContentSecurityPolicy = PolicyDefault
	case "none":
		h.cfg.ContentSecurityPolicy = ""
	}
	if h.cfg.MaxAge > 0 {
		h.cacheControl = fmt.Sprintf("public, max-age=%d", h.cfg.MaxAge)
	}
	if h.cfg.Browse {
		h.listing = listing.New(listing.Config{Readme: h.cfg.Readme, Compress: h.cfg.Compress})
	}
	disk, err := source.OpenDisk(root, h.cfg.OutsideLinks)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", root, err)
	}
	disk.KeepHot(h.cfg.HotCache)
	h.root, h.only = disk, disk.Only()
	return h, nil
}

// Alive opens what is served, as a request would, and gives what that is: the
// folder that was opened, whatever has its name now, or the file that has the
// name now. The error says why no request can be answered. It may take as long
// as the file system does.
func (h *Handler) Alive() (fs.FileInfo, error) { return h.root.Alive() }

// Close lets go of the root. Requests that come later fail.
func (h *Handler) Close() error { return h.root.Close() }

// allowed is what Allow says.
const allowed = "GET, HEAD, OPTIONS"

// Handle answers GET, HEAD and OPTIONS; other methods get 405.
func (h *Handler) Handle(c *fiber.Ctx) error {
	if h.cfg.Next != nil && h.cfg.Next(c) {
		return c.Next()
	}
	urlPath, ok := requestPath(c)
	if !ok {
		return c.Next()
	}
	switch c.Method() {
	case fiber.MethodGet, fiber.MethodHead:
	case fiber.MethodOptions:
		c.Set(fiber.HeaderAllow, allowed)
		c.Status(fiber.StatusNoContent)
		return nil
	default:
		c.Set(fiber.HeaderAllow, allowed)
		return fiber.ErrMethodNotAllowed
	}
	c.Response().Header.SetCanonical(keyContentTypeOptions, nosniff)
	if err := h.get(c, urlPath); err != nil || h.cfg.ModifyResponse == nil {
		return err
	}
	err := h.cfg.ModifyResponse(c)
	if err != nil {
		takeBack(c)
	}
	return err
}

// get answers for a path.
func (h *Handler) get(c *fiber.Ctx, urlPath string) error {
	if h.only != "" && urlPath == "/" {
		return redirect(c, h.only)
	}
	name, ok := h.fileName(urlPath)
	if !ok {
		return fiber.ErrNotFound
	}
	f, info, err := h.open(c, name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return h.unlisted(c, err, name, urlPath)
	case err != nil:
		return statusOf(c, err)
	case info.Kind == source.Directory && h.only == "":
		return h.folder(c, f, name, urlPath)
	case info.Kind != source.Regular, strings.HasSuffix(urlPath, "/"):
		closeQuietly(f)
		return fiber.ErrNotFound
	}
	return h.send(c, f, info, name)
}
