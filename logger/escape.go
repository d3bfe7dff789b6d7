package logger

import (
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// cutMark ends a truncated value.
const cutMark = "..."

// orDash appends a value safely, or a dash if it is empty.
func orDash[T string | []byte](dst []byte, l *Logger, value T) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return safe(dst, l, value)
}

// safe appends a value so that it cannot end the line, break out of its quotes or
// control a terminal, and truncates it if it is too long.
func safe[T string | []byte](dst []byte, l *Logger, value T) []byte {
	limit := l.cfg.MaxValue
	if len(value) <= limit {
		return appendSafe(dst, value)
	}
	return append(appendSafe(dst, value[:limit]), cutMark...)
}

// appendSafe escapes quotes, backslashes, invalid UTF-8 and every non-printable
// character (controls, line separators, bidirectional marks) as \xHH for each of
// its bytes, as nginx does.
func appendSafe[T string | []byte](dst []byte, value T) []byte {
	clean := 0 // start of what is still to be copied
	for i := 0; i < len(value); {
		b := value[i]
		if b >= ' ' && b < 0x7f && b != '"' && b != '\\' {
			i++
			continue
		}
		r, size := runeAt(value, i)
		if b >= utf8.RuneSelf && unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		dst = append(dst, value[clean:i]...)
		for clean = i + size; i < clean; i++ {
			dst = fmt.Appendf(dst, `\x%02x`, value[i])
		}
	}
	return append(dst, value[clean:]...)
}

func runeAt[T string | []byte](value T, i int) (r rune, size int) {
	var buf [utf8.UTFMax]byte
	return utf8.DecodeRune(buf[:copy(buf[:], value[i:min(i+utf8.UTFMax, len(value))])])
}

// quote appends a JSON string, truncated if it is too long. It also escapes
// characters that JSON allows but that must not reach a terminal: C1 controls and
// bidirectional marks.
func quote[T string | []byte](dst []byte, l *Logger, value T) []byte {
	if limit := l.cfg.MaxValue; len(value) > limit {
		return append(appendQuoted(append(dst, '"'), value[:limit]), cutMark+`"`...)
	}
	return append(appendQuoted(append(dst, '"'), value), '"')
}

// appendQuoted escapes every non-printable character for JSON; each byte of
// invalid UTF-8 becomes U+FFFD.
func appendQuoted[T string | []byte](dst []byte, value T) []byte {
	clean := 0 // start of what is still to be copied
	for i := 0; i < len(value); {
		b := value[i]
		if b >= ' ' && b < 0x7f && b != '"' && b != '\\' {
			i++
			continue
		}
		r, size := rune(b), 1
		if b >= utf8.RuneSelf {
			r, size = runeAt(value, i)
			if unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
				i += size
				continue
			}
		}
		dst = appendEscaped(append(dst, value[clean:i]...), r)
		i += size
		clean = i
	}
	return append(dst, value[clean:]...)
}

// appendEscaped is for what appendQuoted cannot copy.
func appendEscaped(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == utf8.RuneError:
		return utf8.AppendRune(dst, r)
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// padLeft appends a right-aligned duration, as Fiber's logger does.
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

// appendDuration appends d.String(), under a minute without an allocation.
func appendDuration(dst []byte, d time.Duration) []byte {
	unit, name := time.Nanosecond, "ns"
	switch {
	case d >= time.Minute || d <= 0:
		return append(dst, d.String()...)
	case d >= time.Second:
		unit, name = time.Second, "s"
	case d >= time.Millisecond:
		unit, name = time.Millisecond, "ms"
	case d >= time.Microsecond:
		unit, name = time.Microsecond, "µs"
	}
	return append(strconv.AppendFloat(dst, float64(d)/float64(unit), 'f', -1, 64), name...)
}
