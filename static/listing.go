package static

// This file is the page for a folder without an index file: plain and correct.

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"
)

//go:embed listing.html
var listingHTML string

var listingPage = template.Must(template.New("listing").Parse(listingHTML))

// pageSize is how many names one page shows. A page is in memory for as long
// as its client takes to read it, so it must be small however large the folder.
const pageSize = 1000

// batch is how many names are read from a folder at a time.
const batch = 1024

// listed is a name in a folder, as far as reading the folder tells.
type listed struct {
	name     string
	isFolder bool
}

// row is a line of a listing.
type row struct {
	Name     string // as shown
	Href     string // relative and escaped
	Size     int64  // bytes; only for files
	Modified string // RFC 3339, UTC
	IsFolder bool
}

// page is what the template shows.
type page struct {
	Path   string
	IsRoot bool
	Rows   []row
	Number int // of this page, from 1
	Pages  int
	Names  int // in the folder
}

// Previous and Next are the numbers of the pages beside, 0 if there is none.
func (p page) Previous() int { return p.Number - 1 }

// Next is described with Previous.
func (p page) Next() int {
	if p.Number < p.Pages {
		return p.Number + 1
	}
	return 0
}

// reading is for whoever reads a large folder, one at a time: its names are the
// one thing here whose memory depends on what is on disk. Small folders do not
// wait for large ones.
var reading = make(chan struct{}, 1)

// readingPatience is how long a request waits for its turn.
const readingPatience = 2 * time.Second

// errBusy is the answer to who waited too long.
var errBusy = errors.New("other large folders are being read")

// sendListing answers with a page of the names in dir, folders first.
func (h *Handler) sendListing(c *fiber.Ctx, dir *os.File, name, urlPath string) error {
	names, total, number, err := h.pageOf(dir, c.QueryInt("page", 1))
	if err != nil {
		return statusOf(c, err)
	}
	p := page{Path: printable(urlPath), IsRoot: urlPath == "/", Number: number, Pages: pagesOf(total), Names: total}
	for _, l := range names {
		if r, ok := h.rowOf(path.Join(name, l.name)); ok {
			p.Rows = append(p.Rows, r)
		}
	}
	var html bytes.Buffer
	if err = listingPage.Execute(&html, p); err != nil {
		return fmt.Errorf("listing of %s: %w", urlPath, err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'")
	// Raw: a body that fasthttp may not keep in its pool of buffers.
	c.Response().SetBodyRaw(html.Bytes())
	return nil
}

// pageOf reads the names in dir and gives those of one page, copied, so that
// the others can go.
func (h *Handler) pageOf(dir *os.File, number int) (names []listed, total, page int, err error) {
	all, more, err := h.readNames(nil, dir)
	if err == nil && more {
		select {
		case reading <- struct{}{}:
			defer func() { <-reading }()
		case <-time.After(readingPatience):
			return nil, 0, 0, errBusy
		}
	}
	for err == nil && more {
		all, more, err = h.readNames(all, dir)
	}
	if err != nil {
		return nil, 0, 0, err
	}
	slices.SortFunc(all, func(a, b listed) int {
		if a.isFolder != b.isFolder {
			if a.isFolder {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	page = min(max(number, 1), pagesOf(len(all)))
	from := (page - 1) * pageSize
	names = slices.Clone(all[from:min(from+pageSize, len(all))])
	return names, len(all), page, nil
}

func pagesOf(names int) int { return max((names+pageSize-1)/pageSize, 1) }

// readNames appends the next batch of names: folders, regular files and links,
// but what is hidden.
func (h *Handler) readNames(names []listed, dir *os.File) (_ []listed, more bool, err error) {
	entries, err := dir.ReadDir(batch)
	for _, d := range entries {
		kind := d.Type()
		if h.hides(d.Name()) || (kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink) {
			continue
		}
		names = append(names, listed{d.Name(), d.IsDir()})
	}
	if errors.Is(err, io.EOF) {
		return names, false, nil
	}
	return names, true, err
}

// rowOf looks at what a name stands for, through links; false if it is gone,
// leads out of the root, or is nothing to download.
func (h *Handler) rowOf(name string) (row, bool) {
	info, err := h.root.Stat(name)
	if err != nil || (!info.IsDir() && !info.Mode().IsRegular()) {
		return row{}, false
	}
	base := path.Base(name)
	r := row{
		Name:     printable(base),
		Href:     "./" + escapePath(base),
		Size:     info.Size(),
		Modified: info.ModTime().UTC().Format("2006-01-02T15:04:05Z"),
		IsFolder: info.IsDir(),
	}
	if r.IsFolder {
		r.Href += "/"
	}
	return r, true
}

// printable is a name as it can be shown: what is no text, would command a
// terminal, or would turn the direction of text becomes U+FFFD. The link keeps the real bytes.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(name, string(unicode.ReplacementChar)))
}

// escapePath escapes one path element for a URL.
func escapePath(name string) string { return url.PathEscape(name) }

// contentType by extension; what has none known is bytes.
func contentType(name string) string {
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return fiber.MIMEOctetStream
}
