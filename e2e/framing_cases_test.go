//go:build unix

package e2e

// The requests of TestRequestFraming: what two readers could take for different
// requests, after the advisories on request smuggling.

import (
	"fmt"
	"slices"
	"strings"
)

// framingCase is bytes for one connection, and what must come of them: the records
// of the answers, "METHOD PATH STATUS" each, and then whether the connection can
// still be used. A number alone is an interim answer, which has no record.
//
// What is said to be closed is sent with a request for /smuggled behind it.
type framingCase struct{ name, raw, want string }

const (
	smuggled    = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"
	headGet     = "GET /f HTTP/1.1\r\nHost: test\r\n"
	headPost    = "POST /f HTTP/1.1\r\nHost: test\r\n"
	chunkedPost = headPost + "Transfer-Encoding: chunked\r\n\r\n"
	// Its content is read, other than that of POST, which is refused before.
	chunkedFind = "PROPFIND /f HTTP/1.1\r\nHost: test\r\nDepth: 0\r\nTransfer-Encoding: chunked\r\n\r\n"
	headFind    = "PROPFIND /nope HTTP/1.1\r\nHost: test\r\nDepth: 0\r\n"
	find        = `<propfind xmlns="DAV:"><allprop/></propfind>`
	refused     = "GET /f 400; closed"
)

// withBody is a request with a body of known length.
func withBody(line, body string) string {
	return line + " HTTP/1.1\r\nHost: test\r\n" + lengthOf(body)
}

// lengthOf is the last field of a head, and the body.
func lengthOf(body string) string {
	return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// inChunks is a body as one chunk and the last.
func inChunks(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// times is an answer n times.
func times(n int, answer string) string {
	return strings.TrimSuffix(strings.Repeat(answer+", ", n), ", ")
}

var (
	long = smuggled + strings.Repeat("x", 9000)
	late = strings.Repeat("x", 8192) + smuggled // beyond what fasthttp reads ahead
	huge = smuggled + strings.Repeat("x", 300<<10)
)

var framingCases = slices.Concat(lengthCases, chunkCases, headCases, lineCases, bodyCases, sequenceCases)

var lengthCases = []framingCase{
	{"two lengths", headPost + "Content-Length: 0\r\nContent-Length: 1\r\n\r\n", "POST /f 400; closed"},
	{"the same length twice", headPost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345", "POST /f 400; closed"},
	{"length with a sign", headPost + "Content-Length: +5\r\n\r\n12345", "POST /f 400; closed"},
	{"length in hex", headPost + "Content-Length: 0x5\r\n\r\n12345", "POST /f 400; closed"},
	{"length as a list", headPost + "Content-Length: 5, 5\r\n\r\n12345", "POST /f 400; closed"},
	{"length beyond all", headPost + "Content-Length: 18446744073709551621\r\n\r\n12345", "POST /f 400; closed"},
	{"negative length", headPost + "Content-Length: -1\r\n\r\n", "POST /f 400; closed"},
	{"empty length", headPost + "Content-Length:\r\n\r\n", "POST /f 400; closed"},
	{"length and chunks", headPost + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"chunks and length", headPost + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"a coding that frames nothing", headPost + "Transfer-Encoding: identity\r\n\r\n", "POST /f 400; closed"},
	{"unknown coding", headPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"chunked, but not last", headPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"chunked twice in a line", headPost + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"chunked twice", headPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"a coding below chunked", headPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "POST /f 501; closed"},
	{"chunked behind a vertical tab", headPost + "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"chunks in HTTP/1.0", "POST /f HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"chunks in HTTP/1.0 on GET", "GET /f HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET /f 400; closed"},
}

var chunkCases = []framingCase{
	{"chunks that are read", chunkedFind + "0\r\n\r\n", "PROPFIND /f 207; closed"},
	{"extension and bare LF", chunkedFind + "1;\nZ\r\n0\r\n\r\n", "PROPFIND /f 400; closed"},
	{"extension behind a space", chunkedFind + "5 ;x\r\n12345\r\n0\r\n\r\n", "PROPFIND /f 400; closed"},
	{"chunk size in hex by prefix", chunkedFind + "0x5\r\n12345\r\n0\r\n\r\n", "PROPFIND /f 400; closed"},
	{"chunk without CRLF", chunkedFind + "5\r\n123450\r\n\r\n", "PROPFIND /f 400; closed"},
	{"chunk size of 17 hex digits", chunkedFind + "00000000000000005\r\n12345\r\n0\r\n\r\n", "PROPFIND /f 400; closed"},
	{"chunk size beyond all", chunkedFind + "10000000000000000\r\n", "PROPFIND /f 400; closed"},
	{"negative chunk size", chunkedFind + "-5\r\n12345\r\n0\r\n\r\n", "PROPFIND /f 400; closed"},
	{"no chunk size", chunkedFind + "\r\n\r\n", "PROPFIND /f 400; closed"},
	{"trailer with a length", chunkedFind + "0\r\nContent-Length: 5\r\n\r\n", "PROPFIND /f 400; closed"},
	{"trailer with a coding", chunkedFind + "0\r\nTransfer-Encoding: chunked\r\n\r\n", "PROPFIND /f 400; closed"},
	{"trailer that ends in bare LF", chunkedFind + "0\r\nA: b\n\n", "PROPFIND /f 400; closed"},
}

var headCases = []framingCase{
	{"space before the colon", headGet + "A : b\r\n\r\n", refused},
	{"length behind a space and a colon", headPost + "Content-Length : 5\r\n\r\n12345", "POST /f 400; closed"},
	{"CR in a name", headGet + "A\rB: c\r\n\r\n", refused},
	{"NUL in a name", headGet + "A\x00: c\r\n\r\n", refused},
	{"bare CR in a value", headGet + "A: b\rc\r\n\r\n", refused},
	{"bare CR before a field", headGet + "A: b\rContent-Length: 5\r\n\r\n", refused},
	{"bare LF after a field", headGet + "A: b\nC: d\r\n\r\n", refused},
	{"a head that ends in bare LF", "GET /f HTTP/1.1\nHost: test\n\n", refused},
	{"a head that ends in LF CRLF", headGet + "A: b\n\r\n", refused},
	{"obs-fold", headGet + "A: b\r\n c\r\n\r\n", refused},
	{"a folded coding", headPost + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "POST /f 400; closed"},
	{"NUL in a value", headGet + "A: \x00\r\n\r\n", refused},
	{"no name", headGet + ": b\r\n\r\n", refused},
	{"no colon", headGet + "A\r\n\r\n", refused},
	{"header over the limit", headGet + "A: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "GET /f 431; closed"},
	{"1,000 fields", headGet + strings.Repeat("A: b\r\n", 1000) + "\r\n", "GET /f 431; closed"},
	{"request line over the limit", "GET /" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: test\r\n\r\n", "GET /" + strings.Repeat("x", 2047) + "... 414; closed"},
	{"a head as single sign-on makes it", headGet + "Cookie: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", "GET /f 200; open"},
	{"a signed URL", "GET /f?" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\nHost: test\r\n\r\n", "GET /f 200; open"},
	{"100 fields", headGet + strings.Repeat("A: b\r\n", 100) + "\r\n", "GET /f 200; open"},
}

var lineCases = []framingCase{
	{"two spaces", "GET  /a  HTTP/1.1\r\nHost: test\r\n\r\n", "GET  400; closed"},
	{"two spaces before the version", "GET /f  HTTP/1.1\r\nHost: test\r\n\r\n", refused},
	{"CR CR after the version", "GET /f HTTP/1.1\r\rHost: test\r\n\r\n", refused},
	{"a tab for a space", "GET\t/f\tHTTP/1.1\r\nHost: test\r\n\r\n", "  400; closed"},
	{"HTTP/0.9", "GET /f\r\n\r\n", refused},
	{"HTTP/9.9", "GET /f HTTP/9.9\r\nHost: test\r\n\r\n", "GET /f 505; closed"},
	{"HTTP/1.2", "GET /f HTTP/1.2\r\nHost: test\r\n\r\n", "GET /f 505; closed"},
	{"HTTP/2 in the clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI /* 505; closed"},
	{"HTTP/2 by upgrade", headGet + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", "GET /f 200; open"},
	{"a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "  400; closed"},
	{"no HTTP at all", "hello\r\n\r\n", "  400; closed"},
	{"unknown method", "BREW /f HTTP/1.1\r\nHost: test\r\n\r\n", "BREW /f 501; open"},
	{"lower-case method", "get /f HTTP/1.1\r\nHost: test\r\n\r\n", "get /f 501; open"},
	{"CONNECT", "CONNECT test:80 HTTP/1.1\r\nHost: test:80\r\n\r\n", "CONNECT /test:80 405; open"},
	{"TRACE", "TRACE /f HTTP/1.1\r\nHost: test\r\nCookie: secret\r\n\r\n", "TRACE /f 405; open"},
	{"no Host", "GET /f HTTP/1.1\r\n\r\n", refused},
	{"no Host on HTTP/1.0", "GET /f HTTP/1.0\r\n\r\n", "GET /f 200; closed"},
	{"two Hosts", "GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", refused},
	{"Host that is no authority", "GET /f HTTP/1.1\r\nHost: a b\r\n\r\n", refused},
	{"a target with another host", "GET http://other/f HTTP/1.1\r\nHost: test\r\n\r\n", "GET /f 200; open"},
	{"a target with a user", "GET http://u:p@test/f HTTP/1.1\r\nHost: test\r\n\r\n", "GET /f 400; closed"},
	{"a target of another scheme", "GET file:///f HTTP/1.1\r\nHost: test\r\n\r\n", "GET /f 400; closed"},
	{"*", "GET * HTTP/1.1\r\nHost: test\r\n\r\n", "GET /* 400; closed"},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", "OPTIONS /* 200; open"},
	{"a relative target", "GET f HTTP/1.1\r\nHost: test\r\n\r\n", "GET /f 400; closed"},
	{"a fragment", "GET /f#x HTTP/1.1\r\nHost: test\r\n\r\n", "GET /f 400; closed"},
}

var bodyCases = []framingCase{
	{"a short body on 405", withBody("POST /f", smuggled), "POST /f 405; open"},
	{"a body over the prefetch on 405", withBody("POST /f", long), "POST /f 405; open"},
	{"a request beyond the prefetch", withBody("POST /f", late), "POST /f 405; open"},
	{"a body over the limit", withBody("POST /f", huge), "POST /f 405; closed"},
	{"a chunked body on 405", chunkedPost + inChunks(smuggled), "POST /f 405; closed"},
	{"a short body on GET", withBody("GET /f", smuggled), "GET /f 200; open"},
	{"a long body on GET", withBody("GET /f", late), "GET /f 200; open"},
	{"a chunked body on GET", headGet + "Transfer-Encoding: chunked\r\n\r\n" + inChunks(smuggled), "GET /f 200; closed"},
	{"a short body on HEAD", withBody("HEAD /f", smuggled), "HEAD /f 200; open"},
	{"a short body on 404", withBody("GET /nope", smuggled), "GET /nope 404; open"},
	{"a long body on 404", withBody("GET /nope", late), "GET /nope 404; open"},
	{"a chunked body on 404", "GET /nope HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + inChunks(smuggled), "GET /nope 404; closed"},
	{"a short body of PROPFIND on 404", headFind + lengthOf(find+"<!--"+smuggled+"-->"), "PROPFIND /nope 404; open"},
	{"a long body of PROPFIND on 404", headFind + lengthOf(find+"<!--"+late+"-->"), "PROPFIND /nope 404; open"},
	{"a body of PROPFIND that is no XML", "PROPFIND /f HTTP/1.1\r\nHost: test\r\nDepth: 0\r\n" + lengthOf(smuggled), "PROPFIND /f 400; open"},
	{"a body on 405 for a path that is not there", withBody("POST /nope", smuggled), "POST /nope 405; open"},
	{"unknown method with a short body", withBody("BREW /f", smuggled), "BREW /f 501; open"},
	{"unknown method with a long body", withBody("BREW /f", late), "BREW /f 501; open"},
	{"unknown method with a chunked body", "BREW /f HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + inChunks(smuggled), "BREW /f 501; closed"},
	{"expecting to be refused", headPost + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "POST /f 405; closed"},
	{"expecting with the body sent along", headPost + fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n%s", len(smuggled), smuggled), "POST /f 405; closed"},
	{"expecting on the second request", getRequest("/f") + headPost + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "GET /f 200, POST /f 405; closed"},
	{"unknown method that expects", "BREW /f HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", "BREW /f 501; closed"},
	{"an unknown expectation", headPost + "Content-Length: 5\r\nExpect: 200-ok\r\n\r\n", "POST /f 417; closed"},
}

var sequenceCases = []framingCase{
	{"one request", getRequest("/f"), "GET /f 200; open"},
	{"16 pipelined", strings.Repeat(getRequest("/f"), 16), times(16, "GET /f 200") + "; open"},
	{"16 pipelined, of which each second is not there", strings.Repeat(getRequest("/f")+getRequest("/nope"), 8), times(8, "GET /f 200, GET /nope 404") + "; open"},
	{"pipelined behind bodies", strings.Repeat(withBody("POST /f", smuggled)+getRequest("/f"), 8), times(8, "POST /f 405, GET /f 200") + "; open"},
	{"pipelined HEAD", strings.Repeat("HEAD /f HTTP/1.1\r\nHost: test\r\n\r\n"+getRequest("/f"), 8), times(8, "HEAD /f 200, GET /f 200") + "; open"},
	{"a refused one in the middle", getRequest("/f") + headGet + "A : b\r\n\r\n" + getRequest("/f"), "GET /f 200, GET /f 400; closed"},
	{"HEAD of a file", "HEAD /f HTTP/1.1\r\nHost: test\r\n\r\n", "HEAD /f 200; open"},
	{"HEAD of a listing", "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", "HEAD / 200; open"},
	{"HEAD of nothing", "HEAD /nope HTTP/1.1\r\nHost: test\r\n\r\n", "HEAD /nope 404; open"},
	{"HEAD that is refused", "HEAD /f HTTP/1.1\r\nHost: test\r\nA : b\r\n\r\n", "HEAD /f 400; closed"},
	{"a listing", getRequest("/"), "GET / 200; open"},
	{"close", headGet + "Connection: close\r\n\r\n", "GET /f 200; closed"},
	{"close among others", headGet + "Connection: TE, Close\r\n\r\n", "GET /f 200; closed"},
	{"keep-alive on HTTP/1.0", "GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /f 200; open"},
	{"an empty line before", "\r\n" + getRequest("/f"), "GET /f 200; open"},
}
