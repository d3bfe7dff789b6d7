package logger

// How values are written, so that one request is one line, whatever the client
// sent.

import (
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// cutMark is at the end of what was cut.
const cutMark = "..."

// orDash appends a value safely, or a dash for none.
func orDash[T string | []byte](dst []byte, l *Logger, value T) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return safe(dst, l, value)
}

// safe appends a value so that it can neither end the line, nor leave its
// quotes, nor command a terminal, and cuts it if it is too long.
func safe[T string | []byte](dst []byte, l *Logger, value T) []byte {
	limit := l.cfg.MaxValue
	if len(value) <= limit {
		return appendSafe(dst, value)
	}
	return append(appendSafe(dst, value[:limit]), cutMark...)
}

// appendSafe escapes quotes, backslashes, what is no valid UTF-8 and every
// character that is not for printing (controls, line separators, marks that
// turn the direction of text) as \xHH for each of its bytes, as nginx does.
func appendSafe[T string | []byte](dst []byte, value T) []byte {
	clean := 0 // where what is still to be copied begins
	for i := 0; i < len(value); {
		b := value[i]
		if b >= ' ' && b < 0x7f && b != '"' && b != '\\' {
			i++
			continue
		}
		size := 1
		if b >= utf8.RuneSelf {
			var printable bool
			if size, printable = printableRune(value, i); printable {
				i += size
				continue
			}
		}
		dst = append(dst, value[clean:i]...)
		for _, b := range []byte(value[i : i+size]) {
			dst = appendHex(dst, b)
		}
		i += size
		clean = i
	}
	return append(dst, value[clean:]...)
}

// printableRune is the size of the rune at i, and whether it may be shown.
func printableRune[T string | []byte](value T, i int) (size int, printable bool) {
	r, size := runeAt(value, i)
	return size, (r != utf8.RuneError || size > 1) && unicode.IsPrint(r)
}

func runeAt[T string | []byte](value T, i int) (r rune, size int) {
	var buf [utf8.UTFMax]byte
	return utf8.DecodeRune(buf[:copy(buf[:], value[i:min(i+utf8.UTFMax, len(value))])])
}

func appendHex(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'x', hex[b>>4], hex[b&15])
}

// quote appends a JSON string, or its beginning if it is too long for a log.
// Escaped are also those characters that JSON allows, but which must not reach a
// terminal: C1 and the marks that turn the direction of text.
func quote[T string | []byte](dst []byte, l *Logger, value T) []byte {
	if limit := l.cfg.MaxValue; len(value) > limit {
		return append(appendQuoted(append(dst, '"'), value[:limit]), cutMark+`"`...)
	}
	return append(appendQuoted(append(dst, '"'), value), '"')
}

// appendQuoted escapes for JSON every character that is not for printing; each
// byte that is no valid UTF-8 becomes U+FFFD.
func appendQuoted[T string | []byte](dst []byte, value T) []byte {
	for i := 0; i < len(value); {
		b := value[i]
		if b < utf8.RuneSelf {
			i++
			switch {
			case b == '"' || b == '\\':
				dst = append(dst, '\\', b)
			case b >= ' ' && b < 0x7f:
				dst = append(dst, b)
			default:
				dst = fmt.Appendf(dst, `\u%04x`, b)
			}
			continue
		}
		r, size := runeAt(value, i)
		switch {
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		i += size
	}
	return dst
}

// padLeft appends a duration in a column, as Fiber's logger does.
func padLeft(dst []byte, width int, d time.Duration) []byte {
	start := len(dst)
	dst = appendDuration(dst, d)
	missing := width - utf8.RuneCount(dst[start:])
	for ; missing > 0; missing-- {
		dst = append(dst, ' ')
		copy(dst[start+1:], dst[start:])
		dst[start] = ' '
	}
	return dst
}

// appendDuration appends d as its String does for what is under a minute,
// without an allocation.
func appendDuration(dst []byte, d time.Duration) []byte {
	switch {
	case d >= time.Minute || d < 0:
		return append(dst, d.String()...)
	case d >= time.Second:
		dst = strconv.AppendFloat(dst, float64(d)/float64(time.Second), 'f', -1, 64)
		return append(dst, "s"...)
	case d >= time.Millisecond:
		dst = strconv.AppendFloat(dst, float64(d)/float64(time.Millisecond), 'f', -1, 64)
		return append(dst, "ms"...)
	case d >= time.Microsecond:
		dst = strconv.AppendFloat(dst, float64(d)/float64(time.Microsecond), 'f', -1, 64)
		return append(dst, "µs"...)
	case d > 0:
		return append(strconv.AppendInt(dst, int64(d), 10), "ns"...)
	}
	return append(dst, "0s"...)
}
