package head

import "bytes"

// wayFields are the fields in which proxies tell of a request's way.
var wayFields = [...]string{"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}

// appendWay appends those lines of a head that is in order which tell of its way, each
// with a line feed behind it.
func appendWay(dst, head []byte) []byte {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		for _, field := range wayFields {
			if equalFold(name, field) {
				dst = append(append(dst, line...), '\n')
			}
		}
	}
	return dst
}
