package head

import (
	"io"
	"strings"
	"testing"
)

// Of a request whose content does not come it is known which way it came.
func TestWayOfARequestWhoseContentDoesNotCome(t *testing.T) {
	const fields = "X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nx-forwarded-for:10.0.0.2\r\nX-FORWARDED-PROTO: https\r\nForwarded: for=\"[2001:db8::1]\"\r\n"
	const raw = "\r\nPOST /x-forwarded-for:1 HTTP/1.1\r\nHost: test\r\nX-Forwarded-Fort: no\r\n" + fields +
		"Forwarded-For: no\r\nContent-Length: 500\r\n\r\nX-Forwarded-For: content\r\n"
	for cut := 1; cut < len(raw); cut++ {
		_, err := io.Copy(io.Discard, NewReader(io.MultiReader(strings.NewReader(raw[:cut]), strings.NewReader(raw[cut:])), nil, 0))
		refusal, ok := err.(*Refusal) //nolint:errorlint // Reader wraps none
		if want := strings.ReplaceAll(fields, "\r\n", "\n"); !ok || !refusal.InBody || refusal.Way != want {
			t.Fatalf("cut at %d: %+v, want the way %q", cut, err, want)
		}
	}
}
