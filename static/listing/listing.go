// Package listing answers for folders and for errors: as HTML for browsers, as
// an index, JSON or text for programs, as plain text for terminals and pipes.
//
// # What a client can ask for
//
// The Accept header chooses the format by RFC 9110 section 12.5.1: a page for
// clients that name text/html, JSON, text. One that takes anything, as wget and
// rclone do, gets a plain index that programs can follow; curl gets text. Query
// parameters say the rest. What they say wrong is ignored or brought into range;
// nothing is an error.
//
//	format=html|index|json|text|urls  overrides Accept
//	sort=name|size|time               folders always come first; default name
//	order=asc|desc                    default asc
//	filter=TEXT                       names that contain TEXT, whatever its case
//	page=N                            from 1; not of the index, which has all names
//	limit=N                           names on a page, up to 10,000; HTML: up to Config.PageSize
//
// Names sort naturally: file2 comes before file10.
//
// HTML works without scripts.
//
// The index has one line for each name, as nginx's has, but for names that are
// never cut short: <a href="NAME">NAME</a>, the date in UTC, the size in bytes.
// It is complete, whatever the size of the folder. Of more than 100,000 names,
// each 100,000 are sorted by themselves.
//
// JSON is described by listing.schema.json. A name that is not text is shown
// there with U+FFFD in it; href has the true bytes, percent-escaped.
//
// Text has one name per line, folders with a slash at the end. What would not
// show, break the line or command a terminal is percent-escaped, and so is "#"
// as the first character: a line that begins with "# " is no name but says
// that there are more pages.
//
// URLs are the links, one per line, relative and exact:
//
//	curl -s 'URL/?format=urls' | wget -i - -B URL/
//
// If there are more pages the last line is the link to the next one; it is the
// only one with a "?". All formats send it as a Link header (RFC 8288), too.
//
// # What it costs
//
// A page is kept as its names, sizes and times until the client has taken it,
// and written row by row: about 50 bytes a row. All pages that hold more than a
// few KB share Config.Memory. Large folders are read one at a time, keeping of
// the names only as many as the page needs. An index holds 100,000 names at most;
// it looks at files, and reads more names, as its client takes it.
package listing

import (
	"errors"
	"io"
	"math"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/reply"
)

// ErrBusy means that the wait was too long: for the turn at a large folder, or
// for memory that slow clients hold. It fits 503 with Retry-After.
var ErrBusy = errors.New("listing: too many large folders are asked for at once")

// Name is one name in a folder, as far as reading the folder tells: a link is
// not a folder, whatever it leads to.
type Name struct {
	Name     string
	IsFolder bool
}

// Entry is what a name stands for.
type Entry struct {
	IsFolder bool
	Size     int64 // bytes; of files
	Modified time.Time
}

// Source is an open folder. It leaves out what is not to be seen: hidden
// names, special files. It is used by one goroutine at a time, until it is closed, once.
type Source interface {
	io.Closer
	// ReadDir gives the next names, at most n of them, n > 0. At the end it
	// gives none and io.EOF, as os.File does.
	ReadDir(n int) ([]Name, error)
	// Stat looks at what a name stands for, through links. An error means that
	// the name is left out: it is gone, or leads to where nobody may go.
	Stat(name string) (Entry, error)
	// ReadFile gives the first bytes of a file, at most limit.
	ReadFile(name string, limit int64) ([]byte, error)
}

// Folder is what Answer answers for.
type Folder struct {
	// Path is the decoded URL path below the root that is served. It ends in "/".
	Path string
	// IsRoot means that there is nothing above to go to.
	IsRoot bool
	Source Source
}

// Config of a Listing. The zero value is ready to use.
type Config struct {
	// Title names the root.
	//
	// Optional. Default: "Files"
	Title string

	// Readme shows a folder's HEADER.md, HEADER, README.md, README.txt or
	// README, the first there is, above its names. In HTML only.
	//
	// Optional. Default: false
	Readme bool

	// Compress compresses pages for clients that accept gzip. Most are a twelfth
	// then.
	//
	// Optional. Default: false
	Compress bool

	// PageSize is how many names an HTML page has; at most 10,000.
	//
	// Optional. Default: 1000
	PageSize int

	// Memory, in bytes, is what pages may hold together until their clients
	// have taken them. Pages of up to 16 KiB are not counted. Who waits for
	// longer than two seconds gets ErrBusy.
	//
	// Optional. Default: 32 MiB
	Memory int64
}

// ConfigDefault is what New makes of the zero Config.
var ConfigDefault = Config{Title: "Files", PageSize: 1000, Memory: 32 << 20}

// manyNames, in bytes, are worth a garbage collection when they are done with.
const manyNames = 8 << 20

const (
	// patience is how long a request waits for its turn at a large folder, or
	// for memory.
	patience = 2 * time.Second

	// places is how many folders are read at the same time. Who waits for a
	// place holds nothing yet, and so may wait for longer.
	places        = 32
	placePatience = 10 * time.Second
)

// Listing makes the pages. It is safe for concurrent use.
type Listing struct {
	cfg        Config
	places     turn // to read folders
	large      turn // to read a large one
	memory     *memory
	readmes    *readmes
	compressor *compressor
	lookTime   time.Duration // to sort by size or time
}

// New makes a Listing. Only the first config counts.
func New(config ...Config) *Listing {
	cfg := Config{}
	if len(config) > 0 {
		cfg = config[0]
	}
	if cfg.Title == "" {
		cfg.Title = ConfigDefault.Title
	}
	if cfg.PageSize <= 0 {
		cfg.PageSize = ConfigDefault.PageSize
	}
	cfg.PageSize = min(cfg.PageSize, maxLimit)
	if cfg.Memory <= 0 {
		cfg.Memory = ConfigDefault.Memory
	}
	return &Listing{
		cfg:        cfg,
		places:     newTurn(places, math.MaxUint16, placePatience),
		large:      newTurn(1, waiting, patience),
		memory:     newMemory(cfg.Memory),
		readmes:    newReadmes(),
		compressor: newCompressor(),
		lookTime:   defaultLookTime,
	}
}

// Answer sends the page of f that the request asks for, and closes the Source when it
// needs it no more. An error is ErrBusy, or the Source's own; the response is then as it
// was, but for Vary.
func (l *Listing) Answer(c *fiber.Ctx, f Folder) error {
	format := formatOf(c)
	limit := maxLimit
	if format == reply.HTML {
		limit = l.cfg.PageSize
	}
	b, err := l.bodyOf(c, f, queryOf(c.Context().QueryArgs(), limit), format)
	if err != nil || b.source == nil {
		_ = f.Source.Close() // which was only read
	}
	if err != nil {
		return err
	}
	setHeaders(c, format)
	if l.cfg.Compress {
		b = l.compressor.compress(c, b)
	}
	c.Status(fiber.StatusOK).Context().SetBodyStream(b, b.measure())
	return nil
}

// bodyOf makes the body, and sets what only this format has in its header.
func (l *Listing) bodyOf(c *fiber.Ctx, f Folder, q query, format reply.Format) (*body, error) {
	if format == formatIndex {
		b, err := l.indexBody(f, q)
		if err == nil {
			c.Set(fiber.HeaderContentSecurityPolicy, indexPolicy)
		}
		return b, err
	}
	chosen, err := l.choose(f.Source, q)
	if err != nil {
		return nil, err
	}
	if chosen.spent > manyNames {
		debug.FreeOSMemory() // or the process stays this large for minutes
	}
	p := newPage(f, q, chosen)
	if format == reply.HTML && l.cfg.Readme {
		p.readme = l.readmes.of(f.Source, p)
	}
	held, err := l.memory.take(p.weight())
	if err != nil {
		return nil, err
	}
	var b *body
	switch format {
	case reply.HTML:
		c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
		b = htmlBody(p, l.cfg.Title)
	case reply.JSON:
		b = jsonBody(p)
	case formatURLs:
		b = urlsBody(p)
	default:
		b = textBody(p)
	}
	b.held = held
	if link := p.linkHeader(); link != "" {
		c.Set(fiber.HeaderLink, link)
	}
	return b, nil
}

// setHeaders sets what pages and error pages have in common.
func setHeaders(c *fiber.Ctx, f reply.Format) {
	c.Set(fiber.HeaderContentType, contentType(f))
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
}
