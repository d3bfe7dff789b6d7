package listing

// A name is bytes that somebody else chose; it must be harmless in a page, in a
// link and in a pipe.

import (
	"strings"
	"unicode/utf8"

	"fullbore/static/reply"
)

// appendLine appends a name so that it stays on its line: what printable would
// replace is percent-escaped.
func appendLine(dst []byte, name string) []byte {
	if strings.HasPrefix(name, "#") { // not to be taken for a note
		dst = appendEscaped(dst, '#')
		name = name[1:]
	}
	for name != "" {
		r, n := utf8.DecodeRuneInString(name)
		if reply.Unseen(r) || (r == utf8.RuneError && n == 1) {
			for i := range n {
				dst = appendEscaped(dst, name[i])
			}
		} else {
			dst = append(dst, name[:n]...)
		}
		name = name[n:]
	}
	return dst
}

// appendHref appends a relative link to a name. All but unreserved characters
// (RFC 3986 section 2.3) are escaped, so it is the same in HTML, in JSON and in
// a header. With "./" it is neither a scheme nor a host.
func appendHref(dst []byte, name string, isFolder bool) []byte {
	dst = appendPath(append(dst, "./"...), name)
	if isFolder {
		dst = append(dst, '/')
	}
	return dst
}

// appendPath appends a name as a segment of a path. The colon is escaped as well, or a
// link without "./" could have a scheme (RFC 3986 section 4.2).
func appendPath(dst []byte, name string) []byte {
	for i := range len(name) {
		if c := name[i]; unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = appendEscaped(dst, c)
		}
	}
	return dst
}

func unreserved(c byte) bool {
	return 'a' <= lower(c) && lower(c) <= 'z' || isDigit(c) || strings.IndexByte("-._~", c) >= 0
}

func appendEscaped(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// impossible reports a name that no link can lead to. No file system has one;
// another kind of source may.
func impossible(name string) bool {
	return name == "" || name == "." || name == ".." || len(name) > maxName ||
		strings.IndexByte(name, '/') >= 0 || strings.IndexByte(name, 0) >= 0
}
