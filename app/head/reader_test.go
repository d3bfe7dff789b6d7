package head

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// passed is what a Reader passes on of raw, which comes in pieces of at most n
// bytes, and how it ended.
func passed(raw string, n int) (string, error) {
	r := NewReader(pieces{strings.NewReader(raw), n}, nil, 0)
	out, err := io.ReadAll(r)
	if err == nil {
		err = io.EOF
	}
	return string(out), err
}

// pieces gives at most n bytes a Read.
type pieces struct {
	io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.n)]) }

func TestReaderPassesOnWhatIsInOrder(t *testing.T) {
	const te = "Transfer-Encoding: chunked\r\n"
	const ended = "refused with 400: the connection ended within the content"
	sized := post("Content-Length: 10\r\n") + "0123456789"
	for _, test := range []struct {
		name, good, bad string // what is passed on, and what is not
		end             string // the error
	}{
		{"nothing", "", "", "EOF"},
		{"one", get(""), "", "EOF"},
		{"16 pipelined", strings.Repeat(get(""), 16), "", "EOF"},
		{"content of a known length", sized + get("") + sized, "", "EOF"},
		{"content that looks like a request", post("Content-Length: 31\r\n") + get("") + get(""), "", "EOF"},
		{"large content", post("Content-Length: 100000\r\n") + strings.Repeat("x", 1e5) + sized, "", "EOF"},
		{"large heads", strings.Repeat(get("A: "+strings.Repeat("x", 30000)+"\r\n"), 3), "", "EOF"},
		{"after the last request", get("Connection: TE, close\r\n"), get(""), "EOF"},
		{"after a HTTP/1.0 request", "GET / HTTP/1.0\r\n\r\n", get(""), "EOF"},
		{"content of the last request", post("Connection: close\r\nContent-Length: 3\r\n") + "abc", "def", "EOF"},
		{"empty lines at the end", get(""), "\r\n\r\n", "EOF"},
		{"content that ends early", sized[:len(sized)-1], "", ended},
		{"content that never begins", sized[:len(sized)-10], "", ended},
		{"a bad second head", sized, "GET /f HTTP/1.1\r\nA : b\r\n\r\n", "refused with 400: the name of a field is not a token"},
		{"a head that ends early", sized, "GET /f HTTP/1.1\r\n", "refused with 400: the connection ended within the head"},
		{"a head over the limit", sized, get("A: " + strings.Repeat("x", DefaultLimit)), "refused with 431: the fields are too long"},

		{"chunks", post(te) + "5\r\n01234\r\n1A;a=\"b;c\"\t\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n" + get(""), "", "EOF"},
		{"a trailer", post(te) + "0000;x\r\nA: b\r\nC:\r\n\r\n" + get(""), "", "EOF"},
		{"a large chunk", post(te) + "186a0\r\n" + strings.Repeat("x", 1e5) + "\r\n0\r\n\r\n" + sized, "", "EOF"},
		{"15 digits", post(te) + "000000000000005\r\n01234\r\n0\r\n\r\n", "", "EOF"},
		{"16 digits", post(te), "0000000000000005\r\n", "refused with 400: the size of a chunk is malformed or too large"},
		{"17 digits", post(te), "10000000000000005\r\n", "refused with 400: the size of a chunk is malformed or too large"},
		{"a size with a prefix", post(te), "0x5\r\n", "refused with 400: the line of a chunk's size is malformed"},
		{"a signed size", post(te), "+5\r\n", "refused with 400: the size of a chunk is malformed or too large"},
		{"no size", post(te), ";a\r\n", "refused with 400: the size of a chunk is malformed or too large"},
		{"no size at all", post(te), "\r\n", "refused with 400: the size of a chunk is malformed or too large"},
		{"an extension and a bare LF", post(te), "1;\nZ\r\n", "refused with 400: the line of a chunk's size is malformed"},
		{"a size and a bare LF", post(te), "1\nZ\r\n", "refused with 400: the line of a chunk's size is malformed"},
		{"a bare CR in an extension", post(te), "1;a\rb\r\n", "refused with 400: the line of a chunk's size is malformed"},
		{"a NUL in an extension", post(te), "1;\x00\r\n", "refused with 400: the line of a chunk's size is malformed"},
		{"a space before an extension", post(te), "5 ;x\r\n01234\r\n", "refused with 400: the line of a chunk's size is malformed"},
		{"a space after the size", post(te), "5 \r\n01234\r\n", "refused with 400: the line of a chunk's size is malformed"},
		{"a space before the size", post(te), " 5\r\n01234\r\n", "refused with 400: the size of a chunk is malformed or too large"},
		{"a long extension", post(te), "5;" + strings.Repeat("x", 300) + "\r\n", "refused with 400: a chunk extension is too long"},
		{"many extensions", post(te) + strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\ny\r\n", 43), "1;" + strings.Repeat("x", 200) + "\r\ny\r\n", "refused with 400: the chunk extensions are too long"},
		{"no CRLF after a chunk", post(te) + "5\r\n01234", "0\r\n\r\n", "refused with 400: a chunk is longer than it says"},
		{"LF after a chunk", post(te) + "5\r\n01234", "\n0\r\n\r\n", "refused with 400: a chunk is longer than it says"},
		{"CR CR after a chunk", post(te) + "5\r\n01234", "\r\r\n0\r\n\r\n", "refused with 400: a chunk is longer than it says"},
		{"chunks that end early", post(te) + "5\r\n012", "", ended},
		{"no last chunk", post(te) + "5\r\n01234\r\n", "", ended},
		{"no end of the trailer", post(te) + "0\r\n", "A: b\r\n", ended},
		{"a length in the trailer", post(te) + "0\r\n", "Content-Length: 5\r\n\r\n", "refused with 400: a trailer field that belongs into the head"},
		{"a coding in the trailer", post(te) + "0\r\n", "A: b\r\ntransfer-encoding: chunked\r\n\r\n", "refused with 400: a trailer field that belongs into the head"},
		{"who sent it in the trailer", post(te) + "0\r\n", "X-Forwarded-For: 192.0.2.1\r\n\r\n", "refused with 400: a trailer field that belongs into the head"},
		{"who sent it in the trailer, by the RFC", post(te) + "0\r\n", "A: b\r\nforwarded: for=192.0.2.1\r\n\r\n", "refused with 400: a trailer field that belongs into the head"},
		{"LF in the trailer", post(te) + "0\r\n", "A: b\n\r\n", "refused with 400: a line ends without CR"},
		{"LF as the trailer", post(te) + "0\r\n", "\n", "refused with 400: a line ends without CR"},
		{"a long trailer", post(te) + "0\r\n", "A: " + strings.Repeat("x", 5000) + "\r\n\r\n", "refused with 431: the fields are too long"},
	} {
		for _, n := range []int{1, 2, 7, 100, 1 << 20} {
			out, err := passed(test.good+test.bad, n)
			if out != test.good || err.Error() != test.end {
				t.Errorf("%s, by %d: %d bytes %.200q, %v; want %d bytes, %s", test.name, n, len(out), out, err, len(test.good), test.end)
			}
			var refusal *Refusal
			if errors.As(err, &refusal) && refusal.InBody != (strings.Contains(test.good, te) || test.end == ended) {
				t.Errorf("%s: %+v", test.name, refusal)
			}
			if errors.Is(err, io.ErrUnexpectedEOF) != strings.Contains(test.end, "the connection ended within") {
				t.Errorf("%s: %v wraps %v", test.name, err, errors.Unwrap(err))
			}
		}
	}
}

// A reader with a large buffer, as fasthttp's, must not get hold of the next
// request before it asks for it: it would miss that request's verdict.
func TestReadEndsWhereARequestEnds(t *testing.T) {
	chunked := post("Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n"
	sized := "PUT /g HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc"
	raw := get("") + chunked + sized + chunked + get("")
	for _, primed := range []int{0, 1, 100, len(raw)} {
		r := NewReader(strings.NewReader(raw[primed:]), []byte(raw[:primed]), 0)
		p := make([]byte, 1<<16)
		for _, request := range []string{get(""), chunked, sized, chunked, get("")} {
			got := ""
			for len(got) < len(request) {
				n, err := r.Read(p)
				if err != nil {
					t.Fatal(err)
				}
				if got += string(p[:n]); r.Head().Length != len(head(request)) {
					t.Errorf("with %q: %+v", got, r.Head())
				}
			}
			if got != request {
				t.Errorf("%q, want %q", got, request)
			}
		}
		if n, err := r.Read(p); n != 0 || !errors.Is(err, io.EOF) || !r.Resting() || r.Unread() != nil {
			t.Errorf("at the end: %d bytes, %v, resting %v, unread %q", n, err, r.Resting(), r.Unread())
		}
	}
}

// head is the head of a request.
func head(request string) string { return request[:strings.Index(request, "\r\n\r\n")+4] }

func TestRestingAndUnread(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader(get("")), strings.NewReader(get("")[:20])), nil, 0)
	p := make([]byte, 1<<10)
	if !r.Resting() {
		t.Error("a new one does not rest")
	}
	n, _ := r.Read(p[:10])
	if r.Resting() || n != 10 || string(r.Unread()) != get("")[10:] {
		t.Errorf("in a request: resting %v, unread %q", r.Resting(), r.Unread())
	}
	r.Read(p)
	if !r.Resting() {
		t.Errorf("after a request: unread %q", r.Unread())
	}
	if _, err := r.Read(p); r.Refused() == nil || !errors.Is(err, io.ErrUnexpectedEOF) || r.Resting() || r.Refused().Method != "GET" {
		t.Errorf("in half a request: %v", err)
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	p := make([]byte, 1<<10)
	idle := NewReader(iotest.ErrReader(os.ErrDeadlineExceeded), nil, 0)
	if _, err := idle.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || !idle.Resting() {
		t.Errorf("idle: %v, resting %v", err, idle.Resting())
	}
	late := NewReader(io.MultiReader(strings.NewReader("GET /f"), iotest.ErrReader(os.ErrDeadlineExceeded)), nil, 0)
	if _, err := late.Read(p); late.Refused() == nil || late.Refused().Status != 408 || late.Refused().Target != "/f" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("late: %v", err)
	}
	reset := errors.New("reset")
	broken := NewReader(io.MultiReader(strings.NewReader("GET /f"), iotest.ErrReader(reset)), nil, 0)
	if _, err := broken.Read(p); !errors.Is(err, reset) {
		t.Errorf("broken: %v", err)
	}
	both := NewReader(iotest.DataErrReader(bytes.NewReader([]byte(get("")))), nil, 0)
	if n, err := both.Read(p); n != len(get("")) || err != nil {
		t.Errorf("data and error at once: %d, %v", n, err)
	}
}
