package dav

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/url"
	"slices"
	"strconv"
)

// Resource is a file or a folder, with what is known of it.
type Resource struct {
	Path         string // decoded, as in the URL; a folder's ends in a slash
	IsFolder     bool
	Size         int64  // bytes; of a file
	ETag         string // these are those of the header fields; "" is unknown
	LastModified string
	ContentType  string
}

// property is a name and a value, which is XML.
type property struct {
	name, value string
}

// properties are those of a resource, in alphabetical order.
func (r *Resource) properties() []property {
	all := make([]property, 0, 6)
	add := func(name, text string) {
		if text != "" {
			all = append(all, property{name, escaped(text)})
		}
	}
	if !r.IsFolder {
		add("getcontentlength", strconv.FormatInt(r.Size, 10))
	}
	add("getcontenttype", r.ContentType)
	add("getetag", r.ETag)
	add("getlastmodified", r.LastModified)
	kind := ""
	if r.IsFolder {
		kind = "<D:collection/>"
	}
	return append(all, property{"resourcetype", kind}, property{"supportedlock", ""}) // there are no locks
}

const (
	opening = xml.Header + `<D:multistatus xmlns:D="DAV:">` + "\n"
	closing = "</D:multistatus>\n"
)

// appendTo appends what is answered for a resource: section 14.24.
func (q *Query) appendTo(b *bytes.Buffer, r *Resource) {
	b.WriteString("<D:response><D:href>" + escaped((&url.URL{Path: r.Path}).EscapedPath()) + "</D:href>")
	all := r.properties()
	if q.props == nil {
		q.found(b, all)
	} else {
		q.asked(b, all)
	}
	b.WriteString("</D:response>\n")
}

// asked answers for the properties that were named.
func (q *Query) asked(b *bytes.Buffer, all []property) {
	found, missing := []property{}, []xml.Name{}
	for _, name := range q.props {
		i := slices.IndexFunc(all, func(p property) bool { return name.Space == namespace && p.name == name.Local })
		if i < 0 {
			missing = append(missing, name)
		} else {
			found = append(found, all[i])
		}
	}
	if len(found) > 0 || len(missing) == 0 {
		q.found(b, found)
	}
	if len(missing) > 0 {
		notFound(b, missing)
	}
}

func (q *Query) found(b *bytes.Buffer, all []property) {
	b.WriteString("<D:propstat><D:prop>")
	for _, p := range all {
		if q.namesOnly || p.value == "" {
			b.WriteString("<D:" + p.name + "/>")
		} else {
			b.WriteString("<D:" + p.name + ">" + p.value + "</D:" + p.name + ">")
		}
	}
	b.WriteString("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>")
}

// notFound says which properties there are not. The parser has let only names through,
// but with any namespace.
func notFound(b *bytes.Buffer, names []xml.Name) {
	b.WriteString("<D:propstat><D:prop>")
	for _, name := range names {
		if name.Space == namespace {
			b.WriteString("<D:" + name.Local + "/>")
		} else {
			b.WriteString("<" + name.Local + ` xmlns="` + escaped(name.Space) + `"/>`)
		}
	}
	b.WriteString("</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>")
}

func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}

// Multistatus is a body stream: the answers for resources, made as they are read.
type Multistatus struct {
	query Query
	next  func() (Resource, error)
	end   func() error

	buffer bytes.Buffer
	sent   int64
	last   int64 // bytes of the last Read, which the next one knows to be sent
	begun  bool
	err    error // what ended it; io.EOF at its end
}

// NewMultistatus answers q for what next gives, until it gives io.EOF. Another error
// breaks the response off. end is called on Close.
func NewMultistatus(q Query, next func() (Resource, error), end func() error) *Multistatus {
	return &Multistatus{query: q, next: next, end: end}
}

const (
	// pieceSize, in bytes, is about how much is made at a time.
	pieceSize = 4 << 10

	// wholeSize, in bytes, is up to where an answer is made before it is sent.
	wholeSize = 32 << 10
)

// Length makes the answer if it is short, and is its length, or -1. A client that stops
// to read where the XML ends, as Go's do, leaves no chunk unread then.
func (m *Multistatus) Length() int {
	m.fill(wholeSize)
	if m.err == io.EOF { //nolint:errorlint // as in fill
		return m.buffer.Len()
	}
	return -1
}

// Read implements io.Reader.
func (m *Multistatus) Read(p []byte) (int, error) {
	m.sent += m.last
	m.last = 0
	if m.buffer.Len() == 0 {
		m.fill(pieceSize)
	}
	if m.buffer.Len() == 0 {
		return 0, m.err
	}
	n, _ := m.buffer.Read(p)
	m.last = int64(n)
	return n, nil
}

// fill makes more, until there are size bytes or all.
func (m *Multistatus) fill(size int) {
	if m.err != nil {
		return
	}
	if !m.begun {
		m.begun = true
		m.buffer.WriteString(opening)
	}
	for m.buffer.Len() < size && m.err == nil {
		var r Resource
		if r, m.err = m.next(); m.err == nil {
			m.query.appendTo(&m.buffer, &r)
		}
	}
	if m.err == io.EOF { //nolint:errorlint // a wrapped one would not be the end
		m.buffer.WriteString(closing)
	}
}

// BytesSent is how many bytes were sent: fasthttp writes a chunk before it reads the next.
func (m *Multistatus) BytesSent() int64 { return m.sent }

// Size is -1: it is not part of something larger.
func (m *Multistatus) Size() int64 { return -1 }

// Err is what broke it off; nil if nothing did.
func (m *Multistatus) Err() error {
	if m.err == io.EOF { //nolint:errorlint // as in fill
		return nil
	}
	return m.err
}

// Close implements io.Closer. A second call does nothing.
func (m *Multistatus) Close() error {
	end := m.end
	m.end = nil
	if end == nil {
		return nil
	}
	return end()
}
