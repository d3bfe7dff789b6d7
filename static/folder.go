package static

import (
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/listing"
	"fullbore/static/source"
)

// folder serves an open folder, which it takes over: its index file, or a listing.
func (h *Handler) folder(c *fiber.Ctx, f source.File, name, urlPath string) error {
	defer closeQuietly(f)
	if !strings.HasSuffix(urlPath, "/") {
		return toSlash(c, urlPath)
	}
	index := path.Join(name, h.cfg.Index)
	switch file, info, err := h.openRegular(c, index); {
	case err == nil:
		return h.send(c, file, info, index)
	case !isAbsent(err):
		return statusOf(c, err)
	case h.listing == nil:
		return fiber.ErrForbidden
	}
	note(c, kindListing)
	block(c)
	name, urlPath = strings.Clone(name), strings.Clone(urlPath) // a listing may outlive the request
	dir := h.root.List(f, name)
	err := h.listing.Answer(c, listing.Folder{Path: urlPath, IsRoot: name == ".", Source: &listed{dir, h, name}})
	if err != nil {
		return statusOf(c, err)
	}
	return nil
}

// openRegular opens a regular file; anything else does not exist.
func (h *Handler) openRegular(c *fiber.Ctx, name string) (source.File, source.Info, error) {
	f, info, err := h.open(c, name)
	if err == nil && info.Kind != source.Regular {
		closeQuietly(f)
		err = fs.ErrNotExist
	}
	return f, info, err
}

// unlisted serves the index file of what could not be read: it may be a folder that
// can still be entered.
func (h *Handler) unlisted(c *fiber.Ctx, cause error, name, urlPath string) error {
	if h.only != "" {
		return statusOf(c, cause)
	}
	index := path.Join(name, h.cfg.Index)
	f, info, err := h.openRegular(c, index)
	if err != nil {
		return statusOf(c, cause)
	}
	if !strings.HasSuffix(urlPath, "/") {
		closeQuietly(f)
		return toSlash(c, urlPath)
	}
	return h.send(c, f, info, index)
}

// listed is an open folder as its listing sees it: folders, regular files and links
// that are not hidden.
type listed struct {
	source.Folder
	h    *Handler
	name string // as seen from the root
}

// ReadDir implements listing.Source.
func (l *listed) ReadDir(n int) ([]listing.Name, error) {
	for {
		entries, err := l.Folder.ReadDir(n)
		names := make([]listing.Name, 0, len(entries))
		for _, d := range entries {
			kind := d.Type()
			if l.h.hides(d.Name()) || (kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink) {
				continue
			}
			names = append(names, listing.Name{Name: d.Name(), IsFolder: d.IsDir()})
		}
		if len(names) > 0 || err != nil {
			return names, err
		}
	}
}

// Stat implements listing.Source.
func (l *listed) Stat(base string) (listing.Entry, error) {
	info, err := l.Look(base)
	switch {
	case err != nil:
		return listing.Entry{}, err
	case info.Kind == source.Special:
		return listing.Entry{}, fs.ErrInvalid
	}
	return listing.Entry{IsFolder: info.Kind == source.Directory, Size: info.Size, Modified: info.ModTime}, nil
}

// ReadFile implements listing.Source.
func (l *listed) ReadFile(base string, limit int64) ([]byte, error) {
	f, info, err := l.h.root.Open(path.Join(l.name, base), source.MayWait)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(f)
	if info.Kind != source.Regular {
		return nil, fs.ErrInvalid
	}
	return io.ReadAll(io.NewSectionReader(f, 0, limit))
}
