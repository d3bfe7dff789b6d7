package head

import "bytes"

// wayFields are the fields in which proxies tell of a request's way.
var wayFields = [...]string{"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}

// tellsWay reports whether a field is one of them.
func tellsWay(name []byte) bool {
	for _, field := range wayFields {
		if equalFold(name, field) {
			return true
		}
	}
	return false
}

// appendWay appends those lines of a head that is in order which tell of its way, each
// with a line feed behind it.
func appendWay(dst, head []byte) []byte {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if name, _, _ := bytes.Cut(line, []byte(":")); tellsWay(name) {
			dst = append(append(dst, line...), '\n')
		}
	}
	return dst
}
