package static

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/dav"
	"fullbore/static/source"
)

// propfind tells a WebDAV client what there is: RFC 4918 section 9.1.
func (h *Handler) propfind(c *fiber.Ctx, urlPath string) error {
	members, err := dav.Depth(c.Get("Depth"))
	switch {
	case errors.Is(err, dav.ErrInfinite):
		c.Set(fiber.HeaderContentType, dav.ContentType)
		return c.Status(fiber.StatusForbidden).SendString(dav.FiniteDepth)
	case err != nil:
		return fiber.NewError(fiber.StatusBadRequest, err.Error())
	}
	block(c)
	query, err := dav.ReadQuery(requestBody(c))
	switch {
	case errors.Is(err, dav.ErrTooLarge):
		return fiber.NewError(fiber.StatusRequestEntityTooLarge, err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", fiber.ErrRequestTimeout, err)
	case err != nil:
		return fiber.NewError(fiber.StatusBadRequest, err.Error())
	}
	found, err := h.find(urlPath, strings.Clone(Path(c)), members)
	if err != nil {
		return statusOf(c, err)
	}
	note(c, kindListing)
	c.Set(fiber.HeaderContentType, dav.ContentType)
	c.Status(fiber.StatusMultiStatus)
	answer := dav.NewMultistatus(query, found.next, found.Close)
	c.Context().SetBodyStream(answer, answer.Length())
	return nil
}

// requestBody is the body, streamed or not.
func requestBody(c *fiber.Ctx) io.Reader {
	if stream := c.Context().RequestBodyStream(); stream != nil {
		return stream
	}
	return bytes.NewReader(c.Request().Body())
}

// findings are a file, or a folder and what is in it.
type findings struct {
	h       *Handler
	first   func() (dav.Resource, error) // nil once given
	members *listed                      // nil: they are not asked for, or there are none
	base    string                       // the folder's path in the URL, decoded
	names   []string                     // read, and still to be looked at
}

// find opens what a path stands for. whole is that with the prefix that the middleware is
// mounted under.
func (h *Handler) find(urlPath, whole string, members bool) (*findings, error) {
	found := &findings{h: h}
	if h.only != "" && urlPath == "/" { // a folder with one file in it
		found.base = whole
		found.first = func() (dav.Resource, error) { return dav.Resource{Path: whole, IsFolder: true}, nil }
		if members {
			found.names = []string{h.only}
		}
		return found, nil
	}
	name, ok := h.fileName(urlPath)
	if !ok {
		return nil, fiber.ErrNotFound
	}
	name = strings.Clone(name) // which outlives the request
	f, info, err := h.root.Open(name, source.MayWait)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Kind == source.Directory && h.only == "":
		return h.findFolder(f, info, name, whole, members)
	case info.Kind != source.Regular, strings.HasSuffix(urlPath, "/"):
		closeQuietly(f)
		return nil, fiber.ErrNotFound
	}
	changed := changedAt(f)
	closeQuietly(f)
	found.first = func() (dav.Resource, error) { return h.resource(whole, name, info, changed), nil }
	return found, nil
}

// findFolder takes over an open folder.
func (h *Handler) findFolder(f source.File, info source.Info, name, whole string, members bool) (*findings, error) {
	found := &findings{h: h, base: strings.TrimSuffix(whole, "/") + "/"}
	found.first = func() (dav.Resource, error) { return h.resource(found.base, name, info, time.Time{}), nil }
	switch {
	case !members:
		closeQuietly(f)
	case !h.cfg.Browse:
		closeQuietly(f)
		return nil, fiber.ErrForbidden
	default:
		found.members = &listed{h.root.List(f, name), h, name}
	}
	return found, nil
}

// next is the next resource. What is gone meanwhile, or may not be seen, is left out.
func (f *findings) next() (dav.Resource, error) {
	if first := f.first; first != nil {
		f.first = nil
		return first()
	}
	for {
		for len(f.names) > 0 {
			name := f.names[0]
			f.names = f.names[1:]
			if r, ok := f.look(name); ok {
				return r, nil
			}
		}
		if f.members == nil {
			return dav.Resource{}, io.EOF
		}
		names, err := f.members.ReadDir(namesAtOnce)
		if err != nil {
			return dav.Resource{}, err
		}
		for _, n := range names {
			f.names = append(f.names, n.Name)
		}
	}
}

// namesAtOnce is how many names of a folder are held.
const namesAtOnce = 128

// look says what a name in the folder stands for.
func (f *findings) look(name string) (dav.Resource, bool) {
	if f.members == nil {
		return f.open(name, name)
	}
	info, err := f.members.Look(name)
	if err != nil || info.Kind == source.Special {
		return dav.Resource{}, false
	}
	below := path.Join(f.members.name, name)
	r := f.h.resource(f.base+name, below, info, time.Time{})
	if info.Kind == source.Regular && r.LastModified == "" { // only the open file tells when it changed
		return f.open(below, name)
	}
	return r, true
}

// open says the same of a file, by opening it.
func (f *findings) open(below, name string) (dav.Resource, bool) {
	file, info, err := f.h.root.Open(below, source.MayWait)
	if err != nil {
		return dav.Resource{}, false
	}
	defer closeQuietly(file)
	return f.h.resource(f.base+name, below, info, changedAt(file)), info.Kind == source.Regular
}

// Close closes the folder.
func (f *findings) Close() error {
	if f.members == nil {
		return nil
	}
	return f.members.Close()
}

// resource is a file or a folder with what GET says of it. name is relative to the root.
func (h *Handler) resource(urlPath, name string, info source.Info, changed time.Time) dav.Resource {
	now := time.Now()
	v := validatorsOf(h.cfg.ETag, info, changed, now)
	r := dav.Resource{Path: urlPath, LastModified: string(v.lastModified(nil, now))}
	if info.Kind == source.Directory {
		r.Path = strings.TrimSuffix(urlPath, "/") + "/"
		r.IsFolder = true
		return r
	}
	r.Size, r.ETag = info.Size, v.etag
	t, _ := h.typeOf(name)
	r.ContentType, _ = h.relabel(t, name)
	return r
}
