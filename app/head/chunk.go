package head

// Limits of the chunked coding, in bytes.
const (
	maxSizeDigits = 15      // of a chunk; what fits an int64 whatever they are
	maxExtension  = 256     // of a chunk
	maxExtensions = 8 << 10 // of all chunks of a content; see RFC 9112 section 7.1.1
	maxTrailer    = 4 << 10
)

// chunkLine judges "chunk-size [ chunk-ext ] CRLF" at the beginning of b; see
// RFC 9112 section 7.1. Blanks before an extension are refused, as readers
// differ on them. length is that of the line.
func chunkLine(b []byte) (size int64, length int, state State, reason string) {
	i := 0
	for ; i < len(b) && i <= maxSizeDigits && hexDigit(b[i]) >= 0; i++ {
		size = size<<4 | int64(hexDigit(b[i]))
	}
	if i > maxSizeDigits || i < len(b) && i == 0 {
		return 0, 0, Refused, "the size of a chunk is malformed or too large"
	}
	digits := i
	if i < len(b) && b[i] == ';' {
		for i < len(b) && isShortFieldValue(b[i:i+1]) {
			if i++; i-digits > maxExtension {
				return 0, 0, Refused, "a chunk extension is too long"
			}
		}
	}
	if state := lineEnd(b[i:]); state != Complete {
		return 0, 0, state, "the line of a chunk's size is malformed"
	}
	return size, i + 2, Complete, ""
}

// lineEnd judges CRLF at the beginning of b.
func lineEnd(b []byte) State {
	switch {
	case len(b) > 0 && b[0] != '\r', len(b) > 1 && b[1] != '\n':
		return Refused
	case len(b) < 2:
		return More
	}
	return Complete
}
