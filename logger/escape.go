package logger

// This file is how values are written into templates: so that one request is
// one line, whatever the client sent.

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

// orColumn appends a value safely. None is a dash in the named formats, whose
// readers count columns, and nothing elsewhere, as in Fiber's logger.
func orColumn(dst []byte, r *record, value []byte) []byte {
	if r.log.cfg.columns {
		return orDash(dst, r, value)
	}
	return safe(dst, r, value)
}

// orDash appends a value safely, or a dash for none.
func orDash(dst []byte, r *record, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return safe(dst, r, value)
}

// safe appends a value so that it can neither end the line, nor leave its
// quotes, nor command a terminal, and cuts it if it is too long.
func safe[T string | []byte](dst []byte, r *record, value T) []byte {
	limit := r.log.cfg.MaxValue
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
			if size, printable = printableRune(value[i:min(i+utf8.UTFMax, len(value))]); printable {
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

// printableRune is the size of the first rune, and whether it may be shown.
func printableRune[T string | []byte](value T) (size int, printable bool) {
	var buf [utf8.UTFMax]byte
	r, size := utf8.DecodeRune(buf[:copy(buf[:], value)])
	return size, (r != utf8.RuneError || size > 1) && unicode.IsPrint(r)
}

func appendHex(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'x', hex[b>>4], hex[b&15])
}

// ordinary reports whether a value has nothing but printable ASCII in it.
func ordinary(value []byte) bool {
	for _, b := range value {
		if b < ' ' || b >= 0x7f {
			return false
		}
	}
	return true
}

// appendQuoted appends a JSON string in which every character that is not for
// printing is escaped, and each byte that is no valid UTF-8 is U+FFFD.
func appendQuoted(dst, value []byte) []byte {
	dst = append(dst, '"')
	for len(value) > 0 {
		r, size := utf8.DecodeRune(value)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r > 0xffff && !unicode.IsPrint(r):
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		case !unicode.IsPrint(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
		value = value[size:]
	}
	return append(dst, '"')
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
