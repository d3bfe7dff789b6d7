package static

// This file is the page for a folder without an index file: plain and correct.

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"
)

//go:embed listing.html
var listingHTML string

var listingPage = template.Must(template.New("listing").Parse(listingHTML))

// entry is a row of a listing.
type entry struct {
	Name     string // as shown
	Href     string // relative and escaped
	Size     int64  // bytes; only for files
	Modified string // RFC 3339, UTC
	IsFolder bool
}

// sendListing answers with the names in dir, folders first.
func sendListing(c *fiber.Ctx, dir *os.File, urlPath string) error {
	entries, err := readEntries(dir)
	if err != nil {
		return statusOf(c, err)
	}
	var page bytes.Buffer
	err = listingPage.Execute(&page, map[string]any{
		"Path": printable(urlPath), "Entries": entries, "IsRoot": urlPath == "/",
	})
	if err != nil {
		return fmt.Errorf("listing of %s: %w", urlPath, err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'")
	// Raw: a body that fasthttp may not keep, so that one large page does not
	// stay in its pool of buffers.
	c.Response().SetBodyRaw(page.Bytes())
	return nil
}

// readEntries lists what can be downloaded or entered: folders and regular
// files. Links are shown as what they lead to when they lead somewhere below
// the root, which only opening them can tell, and so are left to the click.
func readEntries(dir *os.File) ([]entry, error) {
	found, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(found))
	for _, d := range found {
		info, err := d.Info()
		if err != nil { // gone since ReadDir
			continue
		}
		kind := info.Mode().Type()
		if kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink {
			continue
		}
		entries = append(entries, newEntry(info))
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.IsFolder != b.IsFolder {
			if a.IsFolder {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return entries, nil
}

func newEntry(info fs.FileInfo) entry {
	e := entry{
		Name:     printable(info.Name()),
		Href:     "./" + escapePath(info.Name()),
		Size:     info.Size(),
		Modified: info.ModTime().UTC().Format("2006-01-02T15:04:05Z"),
		IsFolder: info.IsDir(),
	}
	if e.IsFolder {
		e.Href += "/"
	}
	return e
}

// printable is a name as it can be shown: what is no text, or would command a
// terminal, becomes U+FFFD. The link keeps the real bytes.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
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
