package static

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// disposition is the value of Content-Disposition (RFC 6266) of a kind, "attachment"
// or "inline", for a file name of any bytes. It is one line of printable ASCII. A name
// that filename cannot express is sent twice, as appendix D recommends: with "_" in
// filename, and in full in filename*, which takes precedence (section 4.3).
func disposition(kind, filename string) string {
	if filename == "" {
		filename = "download"
	}
	var b strings.Builder
	b.Grow(len(kind) + len(`; filename=""`) + len(filename))
	b.WriteString(kind)
	b.WriteString(`; filename="`)
	same := writeFallback(&b, filename)
	b.WriteByte('"')
	if !same {
		b.Grow(len(`; filename*=UTF-8''`) + 3*len(filename))
		b.WriteString(`; filename*=UTF-8''`)
		writeExtended(&b, filename)
	}
	return b.String()
}

// writeFallback writes the inside of the quoted string: printable ASCII without what
// old clients get wrong (RFC 6266 appendix D and section 4.3). It reports whether that
// is the name itself.
func writeFallback(b *strings.Builder, filename string) (same bool) {
	same = true
	for i, r := range filename {
		if r < ' ' || r > '~' || misread(filename[i:]) {
			r, same = '_', false
		}
		b.WriteByte(byte(r))
	}
	return same
}

// misread reports whether some client misreads the first character of rest: as the
// end of the string, an escape, a path separator, a percent-encoding, or an encoded
// word (RFC 2047).
func misread(rest string) bool {
	switch rest[0] {
	case '"', '\\', '/':
		return true
	case '%':
		return len(rest) > 2 && isHex(rest[1]) && isHex(rest[2])
	case '=':
		return len(rest) > 1 && rest[1] == '?'
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// writeExtended writes value-chars of RFC 8187 section 3.2.1. Invalid UTF-8 becomes
// U+FFFD; control characters, which nobody wants in a file name, become "_".
func writeExtended(b *strings.Builder, filename string) {
	const hex = "0123456789ABCDEF"
	var encoded [utf8.UTFMax]byte
	for _, r := range filename {
		if unicode.IsControl(r) {
			r = '_'
		}
		for _, c := range encoded[:utf8.EncodeRune(encoded[:], r)] {
			if isAttrChar(c) {
				b.WriteByte(c)
				continue
			}
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
}

// isAttrChar is attr-char of RFC 8187 section 3.2.1.
func isAttrChar(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		strings.IndexByte("!#$&+-.^_`|~", c) >= 0
}
