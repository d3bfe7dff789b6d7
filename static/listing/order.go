package listing

import (
	"bytes"
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// compareNames is the natural order: numbers by value, letters whatever their
// case. Names that are equal then differ by their bytes, so that no two names
// are equal. It takes a name as a row of numbers and folded characters, which
// makes it transitive.
func compareNames(a, b []byte) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if isDigit(a[i]) && isDigit(b[j]) {
			n, m := digits(a[i:]), digits(b[j:])
			if c := compareNumbers(a[i:i+n], b[j:j+m]); c != 0 {
				return c
			}
			i, j = i+n, j+m
			continue
		}
		r, n := folded(a[i:])
		s, m := folded(b[j:])
		if r != s {
			return cmp.Compare(r, s)
		}
		i, j = i+n, j+m
	}
	if c := cmp.Compare(len(a)-i, len(b)-j); c != 0 {
		return c
	}
	return bytes.Compare(a, b)
}

// digits is how many ASCII digits s begins with.
func digits(s []byte) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// compareNumbers compares decimal numbers of any length.
func compareNumbers(a, b []byte) int {
	for len(a) > 0 && a[0] == '0' {
		a = a[1:]
	}
	for len(b) > 0 && b[0] == '0' {
		b = b[1:]
	}
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return bytes.Compare(a, b)
}

// folded is the first character of s without its case, and its length in bytes.
func folded(s []byte) (rune, int) {
	if c := s[0]; c < utf8.RuneSelf {
		return rune(lower(c)), 1
	}
	r, n := utf8.DecodeRune(s)
	return unicode.ToLower(r), n
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// filter finds names that contain a text, whatever the case, and however its
// accents are composed.
type filter struct {
	text  string // folded
	ascii bool
}

func newFilter(text string) filter {
	text = fold(text)
	return filter{text: text, ascii: isASCII(text)}
}

// fold is text without what a search should not care about.
func fold(text string) string {
	return strings.ToLower(norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD")))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// matches is the hot loop of a search in a large folder, so names of ASCII, as
// most are, cost no allocation.
func (f filter) matches(name string) bool {
	if f.text == "" {
		return true
	}
	if !isASCII(name) {
		return strings.Contains(fold(name), f.text)
	}
	if !f.ascii {
		return false
	}
	for start := 0; start+len(f.text) <= len(name); start++ {
		i := 0
		for i < len(f.text) && lower(name[start+i]) == f.text[i] {
			i++
		}
		if i == len(f.text) {
			return true
		}
	}
	return false
}
