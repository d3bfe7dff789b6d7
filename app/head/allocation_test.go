//go:build !race

package head

import (
	"io"
	"strings"
	"testing"
)

// typical is what a browser sends, about 500 bytes.
const typical = "GET /media/films/2024/a%20file%20with%20a%20longer%20name.mkv?download=1 HTTP/1.1\r\n" +
	"Host: downloads.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
	"Accept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Referer: https://downloads.example.com/media/films/2024/\r\n" +
	"Connection: keep-alive\r\n" +
	"Range: bytes=1048576-\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef\r\n" +
	"Priority: u=0, i\r\n\r\n"

// loop gives the same request again and again.
type loop struct {
	*strings.Reader
}

func newLoop(request string) loop { return loop{strings.NewReader(request)} }

func (l loop) Read(p []byte) (int, error) {
	n, _ := l.Reader.Read(p)
	if l.Len() == 0 {
		_, _ = l.Seek(0, io.SeekStart)
	}
	return n, nil
}

// The race detector allocates, hence the build tag.
func TestRequestAllocatesNothing(t *testing.T) {
	buf, p := []byte(typical), make([]byte, 4<<10)
	ipv6 := []byte("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n")
	upload := post("Transfer-Encoding: chunked\r\n") + "5\r\n01234\r\n0\r\n\r\n"
	plain, chunked := NewReader(newLoop(typical), nil, 0), NewReader(newLoop(upload), nil, 0)
	for name, request := range map[string]func(){
		"a head":           func() { judgeAll(t, buf) },
		"an IPv6 host":     func() { judgeAll(t, ipv6) },
		"through a Reader": func() { readAll(t, plain, p, len(typical)) },
		"chunks":           func() { readAll(t, chunked, p, len(upload)) },
	} {
		if n := testing.AllocsPerRun(1000, request); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func judgeAll(t testing.TB, buf []byte) {
	var h Head
	if h.Judge(buf, DefaultLimit) != Complete {
		t.Fatal(h.Reason)
	}
}

func readAll(t testing.TB, r io.Reader, p []byte, n int) {
	for n > 0 {
		got, err := r.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		n -= got
	}
}

func BenchmarkJudge(b *testing.B) {
	buf := []byte(typical)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		judgeAll(b, buf)
	}
}

func BenchmarkReader(b *testing.B) {
	r, p := NewReader(newLoop(typical), nil, 0), make([]byte, 4<<10)
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		readAll(b, r, p, len(typical))
	}
}

func BenchmarkReaderChunked(b *testing.B) {
	request := post("Transfer-Encoding: chunked\r\n") + "1000\r\n" + strings.Repeat("x", 4096) + "\r\n0\r\n\r\n"
	r, p := NewReader(newLoop(request), nil, 0), make([]byte, 4<<10)
	b.SetBytes(int64(len(request)))
	b.ReportAllocs()
	for b.Loop() {
		readAll(b, r, p, len(request))
	}
}
