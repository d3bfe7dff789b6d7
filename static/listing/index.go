package listing

// The plain index is what programs read: wget, lftp, rclone, Kodi, httpdirfs, pip and
// regular expressions of all kinds. Its lines are those of nginx's autoindex, which all of
// them understand, with names that are never cut short. It has all names, without pages.
//
// Only names are held. A file is looked at when its line is written, and its line is as
// long as that of any other file of that name, so that the length is known beforehand.

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"fullbore/static/reply"
)

// indexPolicy is the Content-Security-Policy: the index has links and nothing else.
const indexPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const (
	nameColumns = 52 // where dates begin, unless the name is longer
	sizeColumns = 20 // for every int64

	dateLayout = "02-Jan-2006 15:04"
	noDate     = "-                "

	// sortedAtOnce is how many names are sorted when the first of them is needed, so
	// that the first byte need not wait for all.
	sortedAtOnce = 8 << 10
)

// index is a folder that is read in runs of names, each sorted.
type index struct {
	*selection
	more   bool // names to read
	sorted int  // of refs
}

// indexBody is the index. It closes the source if there is an error, else with the body.
func (l *Listing) indexBody(f Folder, q query) (*body, error) {
	s := &index{selection: l.newSelection(f.Source, q, sortable+batch)}
	var err error
	if s.more, err = l.read(s.selection, sortable+1); err != nil {
		return nil, err
	}
	s.sortLooked()
	held, err := l.memory.take(int64(s.names.size + 4*cap(s.refs)))
	if err != nil {
		return nil, err
	}
	before, after := indexFrame(f)
	b := &body{before: before, after: after, rows: len(s.refs), appendRow: s.appendRow, held: held, source: f.Source, length: -1}
	if s.more {
		b.refill = s.refill
		return b, nil
	}
	b.length = s.length() + len(before[0]) + len(after[0])
	return b, nil
}

// indexFrame is what is around the lines.
func indexFrame(f Folder) (before, after [][]byte) {
	title := "Index of " + template.HTMLEscapeString(reply.Printable(f.Path))
	head := "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>" + title + "</title></head>\n<body>\n<h1>" + title + "</h1><hr><pre>"
	if !f.IsRoot {
		head += `<a href="../">../</a>`
	}
	return [][]byte{[]byte(head + "\n")}, [][]byte{[]byte("</pre><hr></body>\n</html>\n")}
}

// sortLooked sorts by size or time, if that was asked for and all names were read.
func (s *index) sortLooked() {
	if s.more {
		return
	}
	entries, all := s.lookedAt(&chosen{})
	if !all {
		return
	}
	slices.SortFunc(entries, s.compareLooked)
	for i, e := range entries {
		s.refs[i] = e.name
	}
	s.refs = s.refs[:len(entries)]
	s.sorted = len(entries)
}

// refill reads the next run, which has no name when all are read.
func (s *index) refill() (int, error) {
	s.names, s.refs, s.total, s.sorted = arena{}, s.refs[:0], 0, 0
	for s.more && s.total <= sortable {
		var err error
		if s.more, err = s.read(); err != nil {
			return 0, err
		}
	}
	return len(s.refs), nil
}

// length is that of the lines, in bytes.
func (s *index) length() (n int) {
	scratch := make([]byte, 0, 1<<10)
	for _, r := range s.refs {
		s.pause.tick()
		name, isFolder := s.names.at(r)
		if isPlain(name) {
			n += plainLength(len(name), isFolder)
			continue
		}
		scratch = appendIndexLine(scratch[:0], row{name: string(name), isFolder: isFolder}, isFolder)
		n += len(scratch)
	}
	return n
}

// isPlain reports a name that is itself in a link and in HTML, as most are.
func isPlain(name []byte) bool {
	for _, c := range name {
		if !unreserved(c) {
			return false
		}
	}
	return true
}

// plainLength is the length of the line of a plain name of n bytes.
func plainLength(n int, isFolder bool) int {
	length := len(`<a href=""></a>`) + 2*n + max(nameColumns-n, 4) + len(dateLayout) + sizeColumns + len("\n")
	if isFolder {
		length++ // two slashes, and one space less
	}
	return length
}

// appendRow looks at what a name stands for. One that is gone leaves a blank line.
func (s *index) appendRow(dst []byte, i int) []byte {
	if i >= s.sorted {
		s.sorted = min(i+sortedAtOnce, len(s.refs))
		pick(s.refs[i:], 0, s.sorted-i, s.compare, &s.pause)
	}
	name, wasFolder := s.names.at(s.refs[i])
	r := row{name: string(name), isFolder: wasFolder}
	e, err := s.src.Stat(r.name)
	if err != nil {
		blank := appendIndexLine(dst, r, wasFolder)[len(dst):]
		for i := range blank[:len(blank)-1] {
			blank[i] = ' '
		}
		return append(dst, blank...)
	}
	r.isFolder, r.size, r.modified = e.IsFolder, e.Size, e.Modified.UTC()
	return appendIndexLine(dst, r, wasFolder)
}

// appendIndexLine appends a line. Its length depends on the name and wasFolder alone,
// which is what reading the folder told: a link may lead to a folder nevertheless.
func appendIndexLine(dst []byte, r row, wasFolder bool) []byte {
	space := max(nameColumns-utf8.RuneCountInString(r.name), 4)
	slash := ""
	switch {
	case r.isFolder && wasFolder:
		slash = "/"
		space-- // as wide as a file's
	case r.isFolder:
		slash = "/"
		space -= 2 // as long as a file's: there are two slashes
	case wasFolder:
		space++
	}
	dst = append(dst, `<a href="`...)
	dst = appendPath(dst, r.name)
	dst = append(append(dst, slash...), `">`...)
	dst = appendIndexText(dst, r.name)
	dst = append(append(dst, slash...), "</a>"...)
	dst = appendSpaces(dst, space)
	if writable(r.modified) {
		dst = r.modified.AppendFormat(dst, dateLayout)
	} else {
		dst = append(dst, noDate...)
	}
	size := "-"
	if !r.isFolder {
		size = strconv.FormatInt(max(r.size, 0), 10)
	}
	dst = appendSpaces(dst, sizeColumns-len(size))
	return append(append(dst, size...), '\n')
}

func appendSpaces(dst []byte, n int) []byte {
	const spaces = "                                                    "
	for n > len(spaces) {
		dst = append(dst, spaces...)
		n -= len(spaces)
	}
	return append(dst, spaces[:n]...)
}

// indexText is for characters that mean something in HTML, or would end the line for
// a program that splits it.
var indexText = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;",
	"\t", "&#9;", "\n", "&#10;", "\f", "&#12;", "\u2028", "&#8232;", "\u2029", "&#8233;",
)

// appendIndexText appends a name as it is: unlike on the page for people, what would
// not show stays. Bytes that are no text, and control characters, which HTML cannot say,
// are U+FFFD; the link has them.
func appendIndexText(dst []byte, name string) []byte {
	return append(dst, indexText.Replace(strings.Map(inHTML, name))...)
}

// inHTML is r, or U+FFFD for a control character that HTML does not allow in any form
// (HTML, section 13.1.4).
func inHTML(r rune) rune {
	switch {
	case r == '\t', r == '\n', r == '\f':
		return r
	case r < ' ', 0x7f <= r && r <= 0x9f:
		return utf8.RuneError
	}
	return r
}
