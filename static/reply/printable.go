package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Unseen reports a character that does not show: one that commands a terminal,
// breaks a line, turns the direction of text, or hides. The joiners stay,
// which scripts and emoji need.
func Unseen(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7F
	case r == '\u200C', r == '\u200D':
		return false
	case r == '\u00AD', r == '\u180E', r == '\u3164', r == '\uFFA0':
		return true
	case '\u200B' <= r && r <= '\u200F', '\u2028' <= r && r <= '\u202E',
		'\u2060' <= r && r <= '\u206F', '\uFEFF' <= r && r <= '\uFEFF',
		'\uFFF9' <= r && r <= '\uFFFB', '\U000E0000' <= r && r <= '\U000E0FFF':
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// Printable is text of strangers as it can be shown: U+FFFD stands for what is no text or
// does not show.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if Unseen(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}
