package logger

import (
	"io"
	"strings"
	"testing"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// If this fails after an upgrade of fasthttp, look in its http.go for where
// Request and Response keep their body streams now.
func TestBodyStreamsAreWhereTheyAreSwapped(t *testing.T) {
	stream := io.Reader(strings.NewReader(""))
	var resp fasthttp.Response
	if !swapStream(unsafe.Pointer(&resp), responseStream, stream) || resp.BodyStream() != stream || !resp.IsBodyStream() {
		t.Error("the response's stream is somewhere else")
	}
	var req fasthttp.Request
	if !swapStream(unsafe.Pointer(&req), requestStream, stream) || req.BodyStream() != stream || !req.IsBodyStream() {
		t.Error("the request's stream is somewhere else")
	}
}
