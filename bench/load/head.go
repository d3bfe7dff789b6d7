//go:build linux

package load

// This file reads just enough of a response's header. It exists beside
// http.ReadResponse because that makes a map of it, which costs more than many a
// server spends on the whole request.

import (
	"bytes"
	"fmt"
	"strconv"
)

const longestHead = 64 << 10

// parseHead finds status and Content-Length (RFC 9112 sections 4 and 6.2). Size
// is the header's own length with its empty line; 0 means that it is not all
// there yet. A response without Content-Length is an error: nothing else says
// where it ends.
func parseHead(text []byte) (answer Answer, size int, err error) {
	end := bytes.Index(text, []byte("\r\n\r\n"))
	if end < 0 {
		if len(text) > longestHead {
			return Answer{}, 0, fmt.Errorf("response header is longer than %d bytes", longestHead)
		}
		return Answer{}, 0, nil
	}
	head := text[:end+2]
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	// HTTP/1.1 200 OK
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return Answer{}, 0, fmt.Errorf("%.40q is no HTTP/1 response", line)
	}
	if answer.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return Answer{}, 0, fmt.Errorf("%.40q is no HTTP/1 response", line)
	}
	answer.Length = -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		const name = "content-length:"
		if len(line) < len(name) || line[0]|0x20 != 'c' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
			continue
		}
		value := bytes.TrimSpace(line[len(name):])
		if answer.Length, err = strconv.ParseInt(string(value), 10, 64); err != nil || answer.Length < 0 {
			return Answer{}, 0, fmt.Errorf("Content-Length %.40q", value)
		}
	}
	if answer.Length < 0 {
		return Answer{}, 0, fmt.Errorf("status %d without Content-Length", answer.Status)
	}
	return answer, end + 4, nil
}
