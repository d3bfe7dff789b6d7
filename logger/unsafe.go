package logger

// The way into fasthttp's messages that Config.CountStreams needs. SetBodyStream
// would close the stream that is there, and there is no other way to it. If a
// coming fasthttp has other fields, a test fails, and counts fall back to what
// the connection or the header tells.

import (
	"io"
	"reflect"
	"unsafe"

	"github.com/valyala/fasthttp"
)

// Where in fasthttp's messages their body streams are, -1 if that cannot be told.
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

func swapResponseStream(resp *fasthttp.Response, stream io.Reader) bool {
	return swap(unsafe.Pointer(resp), responseStream, stream)
}

func swapRequestStream(req *fasthttp.Request, stream io.Reader) bool {
	return swap(unsafe.Pointer(req), requestStream, stream)
}

func swap(message unsafe.Pointer, offset int, stream io.Reader) bool {
	if offset < 0 {
		return false
	}
	*(*io.Reader)(unsafe.Add(message, offset)) = stream
	return true
}
