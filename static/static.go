// Package static is a Fiber v2 middleware that serves downloads from a folder, or a
// single file: conditional and range requests by RFC 9110, files opened so that no
// path escapes the folder, bytes sent by the kernel.
//
// It depends on nothing else in fullbore. Its body streams count the bytes that were
// really sent (see Body), and use sendfile on any connection that has ReadFrom.
package static

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/dav"
	"fullbore/static/listing"
	"fullbore/static/source"
)

// Config of the middleware. The zero value serves files and nothing else.
type Config struct {
	// Next skips the middleware for a request when it returns true.
	//
	// Optional. Default: nil
	Next func(c *fiber.Ctx) bool

	// Index is the file that is served for its folder.
	//
	// Optional. Default: "index.html"
	Index string

	// Browse lists folders without an index file, as a page for browsers, a plain
	// index for programs, JSON or text, whichever the client accepts. Without it the
	// answer is 403.
	//
	// Optional. Default: false
	Browse bool

	// Readme shows a folder's README or HEADER file above its listing.
	//
	// Optional. Default: false
	Readme bool

	// Download makes browsers save files rather than show them, as ?download does
	// for a single request.
	//
	// Optional. Default: false
	Download bool

	// MaxAge is how many seconds caches may keep a file without revalidation.
	//
	// Optional. Default: 0, caches decide by Last-Modified
	MaxAge int

	// ETag is the rule by which files get their entity tags: an ETag constant.
	//
	// Optional. Default: ETagAuto
	ETag string

	// Compress compresses text of 1 KiB to 10 MiB on the fly, with zstd or gzip, for
	// clients that accept it.
	//
	// Optional. Default: false
	Compress bool

	// Precompressed sends FILE.zst, FILE.br or FILE.gz in place of FILE to clients
	// that accept the coding, unless it is older than FILE.
	//
	// Optional. Default: false
	Precompressed bool

	// Hidden serves and lists dotfiles. Without it only /.well-known (RFC 8615) is
	// served.
	//
	// Optional. Default: false
	Hidden bool

	// OutsideLinks follows symbolic links out of the root. Without it clients get 404
	// for them; links whose target lies inside are always followed. It is for New and Open; with Serve, the
	// source decides.
	//
	// Optional. Default: false
	OutsideLinks bool

	// Growing serves files that are being appended to. Without it, a file that grows
	// while it is sent counts as changed, and the response is aborted. With it, a
	// file that is rewritten and longer than before goes out unnoticed.
	//
	// Optional. Default: false
	Growing bool

	// HotCache is how many bytes of often requested files are cached, on servers
	// that run handlers where nothing may block: the content of those up to 16 KiB,
	// the descriptor of others. Each request revalidates the file with the file
	// system. It is for New and Open; with Serve, the source decides.
	//
	// Optional. Default: 0, no cache
	HotCache int64

	// DAV answers PROPFIND, so that folders can be mounted by WebDAV clients: class 1,
	// read-only, Depth 0 and 1. The names in a folder are told if Browse is on. Fiber
	// must know the method: fiber.Config.RequestMethods.
	//
	// Optional. Default: false
	DAV bool

	// ContentSecurityPolicy is sent with files that browsers open as documents:
	// HTML, SVG and other XML. "none" sends no policy.
	//
	// Optional. Default: PolicyDefault
	ContentSecurityPolicy string

	// CORS is the origins whose pages may read files and their headers, such as
	// https://example.com; "*" is any. Credentials are not allowed.
	//
	// Optional. Default: nil, none
	CORS []string

	// ResourcePolicy is sent as Cross-Origin-Resource-Policy: same-origin, same-site or
	// cross-origin.
	//
	// Optional. Default: "", not sent
	ResourcePolicy string

	// Types are media types by pattern; the first that matches wins over the package's
	// own table.
	//
	// Optional. Default: nil
	Types []Rule

	// Charsets are those of text by pattern; the first that matches wins, and "none"
	// leaves text unlabelled.
	//
	// Optional. Default: nil, UTF-8 if the text is
	Charsets []Rule

	// Headers are header fields by pattern, for files and not for errors. All that match
	// apply, a later one in place of an earlier one.
	//
	// Optional. Default: nil
	Headers []Rule

	// ModifyResponse may change the header of a response that is not an error, as the
	// last step.
	//
	// Optional. Default: nil
	ModifyResponse fiber.Handler
}

// Check is what is wrong with a config, if anything.
func (c *Config) Check() error {
	if err := CheckETag(cmp.Or(c.ETag, ETagAuto)); err != nil {
		return fmt.Errorf("ETag: %w", err)
	}
	for _, origin := range c.CORS {
		if err := CheckOrigin(origin); err != nil {
			return fmt.Errorf("CORS: %w", err)
		}
	}
	if err := CheckResourcePolicy(c.ResourcePolicy); err != nil {
		return fmt.Errorf("ResourcePolicy: %w", err)
	}
	return c.checkRules()
}

// PolicyDefault lets documents load images, media, styles and fonts from the same
// server but run no scripts: whoever can put a file into the folder must not act on
// behalf of other users.
const PolicyDefault = "sandbox allow-popups allow-downloads; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'"

// Handler serves one root. It is safe for concurrent use.
type Handler struct {
	cfg          Config
	root         source.Source
	gated        source.Gated     // the root, if it is one
	only         string           // the name of a single file; "" for a folder
	listing      *listing.Listing // nil: folders are not listed
	cacheControl string           // "" sends none
}

// New returns the middleware, as is usual in Fiber. It panics if root cannot be
// opened.
func New(root string, config ...Config) fiber.Handler {
	h, err := Open(root, config...)
	if err != nil {
		panic(err)
	}
	return h.Handle
}

// Open opens root, a folder or a regular file on disk, and serves it until Close. A
// single file is served under its own name, to which / redirects.
func Open(root string, config ...Config) (*Handler, error) {
	cfg := Config{}
	if len(config) > 0 {
		cfg = config[0]
	}
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	disk, err := source.OpenDisk(root, cfg.OutsideLinks)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", root, err)
	}
	disk.KeepHot(cfg.HotCache)
	return Serve(disk, cfg), nil
}

// Serve serves files from any source until Close, which closes the source, too. It
// panics if Config.Check fails.
func Serve(root source.Source, config ...Config) *Handler {
	h := &Handler{root: root}
	h.gated, _ = root.(source.Gated)
	if len(config) > 0 {
		h.cfg = config[0]
	}
	if single, ok := root.(source.Single); ok {
		h.only = single.Only()
	}
	if h.cfg.Index == "" {
		h.cfg.Index = "index.html"
	}
	if h.cfg.ETag == "" {
		h.cfg.ETag = ETagAuto
	}
	if err := h.cfg.Check(); err != nil {
		panic(err)
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
	return h
}

// Alive asks the source; see source.Source.
func (h *Handler) Alive() (replaced bool, err error) { return h.root.Alive() }

// Close closes the source. Later requests fail.
func (h *Handler) Close() error { return h.root.Close() }

const (
	allowed    = "GET, HEAD, OPTIONS"
	allowedDAV = allowed + ", " + dav.Method
)

// Handle answers GET, HEAD and OPTIONS, with Config.DAV also PROPFIND; other methods get
// 405.
func (h *Handler) Handle(c *fiber.Ctx) error {
	urlPath, ok := requestPath(c)
	if !ok || h.cfg.Next != nil && h.cfg.Next(c) {
		return c.Next()
	}
	h.share(c)
	answer := h.get
	switch method := c.Method(); {
	case method == fiber.MethodGet, method == fiber.MethodHead:
	case method == fiber.MethodOptions:
		h.options(c)
		return nil
	case method == dav.Method && h.cfg.DAV:
		answer = h.propfind
	default:
		h.allow(c)
		return fiber.ErrMethodNotAllowed
	}
	c.Response().Header.SetCanonical(keyContentTypeOptions, nosniff)
	if err := answer(c, urlPath); err != nil || h.cfg.ModifyResponse == nil {
		return err
	}
	err := h.cfg.ModifyResponse(c)
	if err != nil {
		takeBack(c)
		for _, field := range h.cfg.Headers {
			c.Response().Header.Del(field.Name)
		}
	}
	return err
}

func (h *Handler) options(c *fiber.Ctx) {
	h.allow(c)
	if !h.cfg.DAV {
		c.Status(fiber.StatusNoContent)
		return
	}
	c.Set("DAV", "1") // RFC 4918 section 10.1; without class 2, which is locks, clients mount read-only
	c.Set("MS-Author-Via", "DAV")
	c.Status(fiber.StatusOK) // some of Microsoft's clients take no other
}

func (h *Handler) allow(c *fiber.Ctx) {
	if h.cfg.DAV {
		c.Set(fiber.HeaderAllow, allowedDAV)
	} else {
		c.Set(fiber.HeaderAllow, allowed)
	}
}

func (h *Handler) get(c *fiber.Ctx, urlPath string) error {
	if urlPath == "" {
		return toSlash(c, Path(c))
	}
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
