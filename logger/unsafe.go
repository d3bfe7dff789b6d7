package logger

// Config.CountStreams replaces body streams inside fasthttp's messages;
// SetBodyStream, the only other way, would close the present stream. If a later
// fasthttp renames the field, a test fails, and counts fall back to the connection
// or the header.

import (
	"io"
	"reflect"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// Offsets of the body streams in fasthttp's messages; -1: not found.
var (
	responseStream = streamOffset(reflect.TypeFor[fasthttp.Response]())
	requestStream  = streamOffset(reflect.TypeFor[fasthttp.Request]())
)

func streamOffset(message reflect.Type) int {
	field, ok := message.FieldByName("bodyStream")
	if !ok || len(field.Index) != 1 || field.Type != reflect.TypeFor[io.Reader]() {
		return -1
	}
	return int(field.Offset)
}

func swapStream(message unsafe.Pointer, offset int, stream io.Reader) bool {
	if offset < 0 {
		return false
	}
	*(*io.Reader)(unsafe.Add(message, offset)) = stream
	return true
}
