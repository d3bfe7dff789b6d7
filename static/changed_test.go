//go:build unix

package static

// Files that change while they are sent. A client that gets all that the
// header promised has one version of the file: the one that it describes.

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"fullbore/app/wire"
)

// change is what may happen to a file that is open.
type change struct {
	name string
	do   func(path string) error
	ends bool // the response must not be complete
	// growing is the same with Config.Growing.
	growing bool
}

var changes = []change{
	{"truncated to nothing", func(path string) error { return os.Truncate(path, 0) }, true, true},
	{"truncated by a byte", func(path string) error { return resize(path, -1) }, true, true},
	{"appended to", func(path string) error { return resize(path, 1) }, true, false},
	{"made much longer", func(path string) error { return resize(path, 16<<20) }, true, false},
	{"rewritten in place", rewrite, true, true},
	{"one byte rewritten in place", func(path string) error { return rewriteAt(path, "B", 0) }, true, true},
	{"touched", func(path string) error { return os.Chtimes(path, time.Time{}, time.Now()) }, true, true},
	{"replaced by a rename", replace, false, false},
	{"deleted", os.Remove, false, false},
	{"renamed", func(path string) error { return os.Rename(path, path+".old") }, false, false},
	{"forbidden to all", func(path string) error { return os.Chmod(path, 0) }, false, false},
	{"read by others", func(path string) error { _, err := os.ReadFile(path); return err }, false, false},
}

func resize(path string, by int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()+by)
}

// rewrite puts other bytes into the file, as many as there were.
func rewrite(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return rewriteAt(path, strings.Repeat("B", int(info.Size())), 0)
}

func rewriteAt(path, content string, offset int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(content), offset)
	return errors.Join(err, f.Close())
}

// replace puts another file of the same size in its place.
func replace(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", []byte(strings.Repeat("B", int(info.Size()))), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func TestBodyOfAFileThatChanged(t *testing.T) {
	for _, shape := range shapes[1:] { // an empty body has nothing to mix
		for _, change := range changes {
			for _, growing := range []bool{false, true} {
				ends := change.ends
				if growing {
					ends = change.growing
				}
				for kind, dress := range everyPeer() {
					b := shape.body(t, t.TempDir())
					b.growing = growing
					if err := change.do(b.path); err != nil {
						t.Fatal(err)
					}
					p := &peer{room: 1 << 30}
					err := b.send(dress(p))
					checkEnd(t, b.Body, shape.name+", "+change.name+", to who "+kind, ends, err, len(b.want))
					if kind == "holds back" && ends && len(b.want) <= smallBody && len(b.want) > bufferSize && len(p.taken) > 0 {
						t.Errorf("%s, %s: %d bytes were held back and still went out", shape.name, change.name, len(p.taken))
					}
				}
				b := shape.body(t, t.TempDir())
				b.growing = growing
				if err := change.do(b.path); err != nil {
					t.Fatal(err)
				}
				if whole, err := b.AppendTo(nil); ends && len(whole) == len(b.want) && err == nil || !ends && err != nil {
					t.Errorf("%s, %s: %d bytes in one piece, %v", shape.name, change.name, len(whole), err)
				}
				_, err := io.Copy(io.Discard, struct{ io.Reader }{b})
				checkEnd(t, b.Body, shape.name+", "+change.name+", to who reads", ends, err, len(b.want))
			}
		}
	}
}

func checkEnd(t *testing.T, b *Body, name string, ends bool, err error, length int) {
	t.Helper()
	switch {
	case ends && (!errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(b.Err(), io.ErrUnexpectedEOF)):
		t.Errorf("%s: ended with %v, Err %v; want an unexpected end of file", name, err, b.Err())
	case ends && b.BytesSent() >= int64(length):
		t.Errorf("%s: %d bytes of %d were sent", name, b.BytesSent(), length)
	case !ends && (err != nil || b.Err() != nil || b.BytesSent() != int64(length)):
		t.Errorf("%s: sent %d of %d, %v", name, b.BytesSent(), length, err)
	}
}

func TestWhatIsSaidOfAFileThatChanged(t *testing.T) {
	for name, want := range map[string]string{
		"truncated by a byte": "f changed while it was sent: it had 10000 bytes, now 9999",
		"appended to":         "f changed while it was sent: it had 10000 bytes, now 10001",
		"rewritten in place":  "f changed while it was sent: it was written to",
	} {
		b := shape{size: 10_000, ranges: []byteRange{{0, 5}}}.body(t, t.TempDir())
		for _, change := range changes {
			if change.name == name {
				if err := change.do(b.path); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := b.send(&peer{room: 1 << 30}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	b := shape{size: 10_000}.body(t, t.TempDir())
	if err := os.Truncate(b.path, 4_000); err != nil {
		t.Fatal(err)
	}
	if err := b.send(&peer{room: 1 << 30}); err == nil || err.Error() != "f has 6000 bytes less than when it was opened: unexpected EOF" {
		t.Errorf("shorter than what was to be sent: %v", err)
	}
}

// smallBuffers is a listener whose connections hold little, so that what the
// peer has not read is mostly still in the file.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp := conn
	if own, ok := conn.(*wire.Conn); ok {
		tcp = own.NetConn()
	}
	return conn, tcp.(*net.TCPConn).SetWriteBuffer(32 << 10)
}

// slow makes a kind of socket one with small buffers.
func slow(kind string) socket {
	return func(t *testing.T) (net.Listener, *tls.Config) {
		below, ok := map[string]socket{"tls": onNet, "tls over wire": onWire}[kind]
		if !ok {
			ln, client := sockets[kind](t)
			return smallBuffers{ln}, client
		}
		ln, _ := below(t)
		return overTLS(t, smallBuffers{ln})
	}
}

// download is a response of which little is taken until the rest is wanted.
type download struct {
	*http.Response
	conn *net.TCPConn
}

// rest is for reading the rest, fast.
func (d download) rest(t *testing.T) io.Reader {
	t.Helper()
	if err := d.conn.SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	return d.Body
}

// begin asks for a file and reads the first n bytes of it.
func (s *site) begin(t *testing.T, n int, headers ...string) (download, string) {
	t.Helper()
	conn := s.dial(t)
	tcp := tcpOf(conn)
	if err := tcp.SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request("GET", "/f", append(headers, "Connection: close")...)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1024), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(resp.Body, got); err != nil {
		t.Fatal(err)
	}
	return download{resp, tcp}, string(got)
}

func TestFileThatChangesDuringASlowDownload(t *testing.T) {
	const size, before = 4 << 20, 64 << 10
	version := strings.Repeat("A", size)
	for kind := range sockets {
		for _, change := range changes {
			t.Run(kind+"/"+change.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				full := write(t, dir, "f", version)
				s := serveOn(t, slow(kind), "/", dir)
				d, got := s.begin(t, before)
				if err := change.do(full); err != nil {
					t.Fatal(err)
				}
				rest, err := io.ReadAll(d.rest(t)) // not beyond Content-Length
				got += string(rest)
				b := s.body(t)
				if d.ContentLength != size || b.BytesSent() < int64(len(got)) || b.BytesSent() > size {
					t.Errorf("promised %d, counted %d, received %d; the file had %d", d.ContentLength, b.BytesSent(), len(got), size)
				}
				if change.ends {
					if err == nil || len(got) >= size {
						t.Errorf("all %d bytes came (%v), %d of them of the new version", len(got), err, strings.Count(got, "B"))
					}
					if !errors.Is(b.Err(), io.ErrUnexpectedEOF) || b.BytesSent() == size {
						t.Errorf("Err is %v, counted %d", b.Err(), b.BytesSent())
					}
					return
				}
				if err != nil || got != version || b.Err() != nil {
					t.Errorf("received %d bytes of %d, %d of them new: %v, Err %v", len(got), size, strings.Count(got, "B"), err, b.Err())
				}
			})
		}
	}
}

// The same in several parts, of which the changed one is the first.
func TestFileThatChangesDuringASlowDownloadOfParts(t *testing.T) {
	const size = 16 << 20
	for kind := range sockets {
		dir := t.TempDir()
		full := write(t, dir, "f", strings.Repeat("A", size))
		s := serveOn(t, slow(kind), "/", dir)
		d, _ := s.begin(t, 64<<10, "Range: bytes=0-7000000,8000000-15000000")
		if d.StatusCode != 206 {
			t.Fatal(d.StatusCode)
		}
		if err := rewriteAt(full, "B", 0); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, d.rest(t))
		if b := s.body(t); err == nil || n+64<<10 >= d.ContentLength || !errors.Is(b.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("%s: %d more bytes of %d came, %v, Err %v", kind, n, d.ContentLength, err, b.Err())
		}
	}
}

// With Growing a file that is appended to ends at the length that it had, and
// the connection goes on.
func TestFileThatGrowsDuringADownloadWithGrowing(t *testing.T) {
	const size, before = 2 << 20, 128 << 10
	for kind := range sockets {
		dir := t.TempDir()
		full := write(t, dir, "f", strings.Repeat("A", size))
		s := serveOn(t, slow(kind), "/", dir, Config{Growing: true})
		conn := s.dial(t)
		if _, err := io.WriteString(conn, request("GET", "/f")+request("GET", "/nope")); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, resp.Body, before); err != nil {
			t.Fatal(err)
		}
		if err := resize(full, size); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size-before || err != nil {
			t.Errorf("%s: %d more bytes came, %v", kind, n, err)
		}
		if b := s.body(t); b.BytesSent() != size || b.Err() != nil {
			t.Errorf("%s: counted %d, %v", kind, b.BytesSent(), b.Err())
		}
		if next := readResponse(t, r, "GET", "/nope"); next.StatusCode != 404 {
			t.Errorf("%s: after the body came %v", kind, next.Status)
		}
	}
}

// A very large file is looked at on the way, so that a slow client need not
// take all of it in vain.
func TestLargeFileThatChangedIsNotSentToItsEnd(t *testing.T) {
	const size = 1 << 30
	dir := t.TempDir()
	full := write(t, dir, "f", "")
	if err := os.Truncate(full, size); err != nil {
		t.Fatal(err)
	}
	for kind := range sockets {
		s := serveOn(t, slow(kind), "/", dir)
		d, _ := s.begin(t, 1)
		if err := rewriteAt(full, "B", size-1); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, d.rest(t))
		if err == nil || n > 64<<20 {
			t.Errorf("%s: %d more bytes came, %v", kind, n, err)
		}
		s.body(t)
	}
}

// Between two range requests, as a resuming client makes them, only its
// If-Range keeps versions apart; with one there is never a mix.
func TestFileThatIsReplacedBetweenRanges(t *testing.T) {
	for _, change := range changes {
		dir := t.TempDir()
		full := write(t, dir, "f", strings.Repeat("A", 1000))
		addr := serve(t, "/", dir)
		first := ask(t, addr, "GET", "/f", "Range: bytes=0-499")
		if first.StatusCode != 206 {
			t.Fatal(first.Status)
		}
		if err := change.do(full); err != nil {
			t.Fatal(err)
		}
		second := ask(t, addr, "GET", "/f", "Range: bytes=500-", "If-Range: "+first.Header.Get("ETag"))
		if second.StatusCode == 206 && (second.body != strings.Repeat("A", 500) || second.Header.Get("ETag") != first.Header.Get("ETag")) {
			t.Errorf("%s: a part of another version: %s", change.name, second.Header.Get("ETag"))
		}
		if isNew := change.ends || change.name == "replaced by a rename"; isNew && second.StatusCode != 200 {
			t.Errorf("%s: %s, want the whole of what is there now", change.name, second.Status)
		}
	}
}
