package static

// The body stream by itself: its bytes, and its count when a write fails at
// any place.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/valyala/fasthttp"
)

// shape is a body: its file's size, and the parts asked for; none is all.
type shape struct {
	name   string
	size   int64
	ranges []byteRange
}

var shapes = []shape{
	{"empty", 0, nil},
	{"one byte", 1, nil},
	{"fits beside the header", 500, nil},
	{"fills the buffer", bufferSize - headerSize, nil},
	{"one byte too many for the buffer", bufferSize - headerSize + 1, nil},
	{"small", 10_000, nil},
	{"the largest small one", smallBody, nil},
	{"the smallest large one", smallBody + 1, nil},
	{"large", 200_000, nil},
	{"a range", 200_000, []byteRange{{100, 20_000}}},
	{"a large range", 200_000, []byteRange{{100, 100_000}}},
	{"the last byte", 200_000, []byteRange{{199_999, 1}}},
	{"parts that fit beside the header", 10_000, []byteRange{{9_999, 1}, {5, 10}}},
	{"small parts", 10_000, []byteRange{{5_000, 4_000}, {0, 10}, {100, 2_000}}},
	{"large parts", 200_000, []byteRange{{5, 70_000}, {0, 1}, {100_000, 70_000}}},
}

const (
	bufferSize = 4096 // fasthttp's
	headerSize = 300
)

// fileBody is the Body of a file, what it must send, and where the file is.
type fileBody struct {
	*Body
	want, path string
}

// body makes a Body of this shape.
func (s shape) body(t testing.TB, dir string) fileBody {
	t.Helper()
	content := noise(int(s.size), 7)
	write(t, dir, "f", content)
	return s.open(t, dir, content)
}

// everySegment is all of a body's segments.
func everySegment(b *Body) (all segments) {
	for i := range b.cursor.count() {
		all = append(all, b.cursor.segment(i))
	}
	return all
}

// open is body with a file that is there.
func (s shape) open(t testing.TB, dir, content string) fileBody {
	t.Helper()
	b := &Body{representation: openBelow(t, dir, "f")}
	b.only(byteRange{length: s.size})
	switch len(s.ranges) {
	case 0:
	case 1:
		b.only(s.ranges[0])
	default:
		parts, _ := multipart(&b.version, s.ranges, "text/plain")
		b.follow(parts)
	}
	var want strings.Builder
	for _, s := range everySegment(b) {
		want.WriteString(s.text)
		want.WriteString(content[s.start:s.end()])
	}
	return fileBody{b, want.String(), filepath.Join(dir, "f")}
}

// peer takes some bytes, then fails. It is a connection without ReadFrom that
// counts.
type peer struct {
	room   int
	taken  []byte
	writes []int // how many bytes each was given
}

func (p *peer) Write(b []byte) (int, error) {
	p.writes = append(p.writes, len(b))
	n := min(len(b), p.room-len(p.taken))
	p.taken = append(p.taken, b[:n]...)
	if n < len(b) {
		return n, syscall.EPIPE
	}
	return n, nil
}

func (p *peer) BytesWritten() int64 { return int64(len(p.taken)) }

// filePeer takes files, too, in steps as odd as a socket's.
type filePeer struct{ *peer }

func (p filePeer) ReadFrom(r io.Reader) (total int64, err error) {
	buf := make([]byte, 1021)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			taken, err := p.Write(buf[:n])
			total += int64(taken)
			if err != nil {
				return total, err
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// corkPeer holds back on demand, as a wire.Conn does.
type corkPeer struct {
	filePeer
	willing bool
	held    []byte
	corked  bool
	corks   int
}

func (p *corkPeer) Cork() bool {
	if p.willing {
		p.corked, p.corks = true, p.corks+1
	}
	return p.willing
}

func (p *corkPeer) Held() int { return len(p.held) }

func (p *corkPeer) DropCork() { p.corked, p.held = false, nil }

func (p *corkPeer) Uncork() (int64, error) {
	held := p.held
	p.DropCork()
	n, err := p.peer.Write(held)
	return int64(n), err
}

func (p *corkPeer) Write(b []byte) (int, error) {
	if p.corked {
		p.held = append(p.held, b...)
		return len(b), nil
	}
	return p.peer.Write(b)
}

func (p *corkPeer) ReadFrom(r io.Reader) (int64, error) {
	if p.corked {
		b, err := io.ReadAll(r)
		p.held = append(p.held, b...)
		return int64(len(b)), err
	}
	return p.filePeer.ReadFrom(r)
}

// peers are the kinds of connection that a body may go over.
var peers = map[string]func(*peer) io.Writer{
	"takes bytes":           func(p *peer) io.Writer { return p },
	"takes files":           func(p *peer) io.Writer { return filePeer{p} },
	"holds back":            func(p *peer) io.Writer { return &corkPeer{filePeer: filePeer{p}, willing: true} },
	"would hold back later": func(p *peer) io.Writer { return &corkPeer{filePeer: filePeer{p}} },
}

// strangers are connections that do not count.
var strangers = map[string]func(*peer) io.Writer{
	"takes bytes, uncounted": func(p *peer) io.Writer { return struct{ io.Writer }{p} },
	"takes files, uncounted": func(p *peer) io.Writer {
		return struct {
			io.Writer
			io.ReaderFrom
		}{p, filePeer{p}}
	},
}

// everyPeer is peers and strangers.
func everyPeer() map[string]func(*peer) io.Writer {
	all := maps.Clone(peers)
	maps.Copy(all, strangers)
	return all
}

// send has fasthttp send the body, with a header of headerSize in front of it.
func (b fileBody) send(conn io.Writer) error {
	var resp fasthttp.Response
	resp.Header.SetNoDefaultContentType(true)
	resp.SetBodyStream(unclosed{b.Body}, int(b.length))
	resp.Header.SetContentLength(int(b.length))
	resp.Header.Set("X", "")
	resp.Header.Set("X", strings.Repeat("h", headerSize-len(resp.Header.Header())))
	b.over(&resp, conn)
	bw := bufio.NewWriterSize(conn, bufferSize)
	err := resp.Write(bw)
	if err == nil {
		err = bw.Flush()
	}
	return err
}

// unclosed is a body that fasthttp does not close.
type unclosed struct{ *Body }

func (unclosed) Close() error { return nil }

// positions are where a write of n bytes may fail: everywhere, or in large
// bodies at each border and here and there between.
func positions(b *Body, n int) []int {
	var at []int
	step := 1
	if n > 700 {
		step = n/60 | 1
	}
	for i := 0; i <= n; i += step {
		at = append(at, i)
	}
	borders := []int{0, headerSize, bufferSize, 2 * bufferSize, n - lastPiece, n}
	done := headerSize
	for _, s := range everySegment(b) {
		borders = append(borders, done+len(s.text), done+len(s.text)+int(s.length))
		done += len(s.text) + int(s.length)
	}
	for _, border := range borders {
		for i := border - 2; i <= border+2; i++ {
			if i >= 0 && i <= n {
				at = append(at, i)
			}
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

func TestBodyCountsWhatTheWriterTook(t *testing.T) {
	for _, shape := range shapes {
		dir := t.TempDir()
		first := shape.body(t, dir)
		content := noise(int(shape.size), 7)
		total := headerSize + len(first.want)
		for kind, dress := range peers {
			for _, room := range positions(first.Body, total) {
				b := shape.open(t, dir, content)
				p := &peer{room: room}
				err := b.send(dress(p))
				want := min(max(room-headerSize, 0), len(b.want))
				if b.BytesSent() != int64(want) || (err != nil) != (room < total) || !errors.Is(err, b.Err()) {
					t.Errorf("%s, to who %s, with room for %d of %d: counted %d (%v, Err %v), want %d", shape.name, kind, room, total, b.BytesSent(), err, b.Err(), want)
				}
				if got := p.taken[min(len(p.taken), headerSize):]; string(got) != b.want[:want] || len(p.taken) != min(room, total) {
					t.Errorf("%s, to who %s: other bytes came out than went in", shape.name, kind)
				}
				_ = b.Close()
			}
		}
	}
}

// Over a connection that does not count, what waits in fasthttp's buffer when
// the write of it fails is counted, and no more.
func TestBodyOverAConnectionThatDoesNotCount(t *testing.T) {
	for _, shape := range shapes {
		dir := t.TempDir()
		first := shape.body(t, dir)
		content := noise(int(shape.size), 7)
		total := headerSize + len(first.want)
		for kind, dress := range strangers {
			for _, room := range positions(first.Body, total) {
				b := shape.open(t, dir, content)
				p := &peer{room: room}
				err := b.send(dress(p))
				want := min(max(room-headerSize, 0), len(b.want))
				if sent := int(b.BytesSent()); sent < want || sent > want+bufferSize || sent > len(b.want) || (err != nil) != (room < total) {
					t.Errorf("%s, to who %s, with room for %d of %d: counted %d (%v, Err %v), want %d", shape.name, kind, room, total, sent, err, b.Err(), want)
				}
				if got := p.taken[min(len(p.taken), headerSize):]; string(got) != b.want[:want] || len(p.taken) != min(room, total) {
					t.Errorf("%s, to who %s: other bytes came out than went in", shape.name, kind)
				}
				_ = b.Close()
			}
		}
	}
}

// A small response goes in one write with its header, if the connection holds
// back, or does not count and both fit into the buffer; a larger one in pieces
// that are worth a system call.
func TestBodyGoesInFewWrites(t *testing.T) {
	for _, shape := range shapes {
		for kind, dress := range everyPeer() {
			b := shape.body(t, t.TempDir())
			p := &peer{room: 1 << 30}
			if err := b.send(dress(p)); err != nil {
				t.Fatal(err)
			}
			total := headerSize + len(b.want)
			switch tiny := total <= bufferSize && b.cursor.count() == 1; {
			case tiny && peers[kind] != nil && kind != "holds back":
				if len(p.writes) > 2 {
					t.Errorf("%s, to who %s: %d writes %v, want the header and the body", shape.name, kind, len(p.writes), p.writes)
				}
			case tiny, kind == "holds back" && len(b.want) <= smallBody:
				if len(p.writes) != 1 {
					t.Errorf("%s, to who %s: %d writes %v, want one of %d", shape.name, kind, len(p.writes), p.writes, total)
				}
			case strings.HasPrefix(kind, "takes bytes") && b.cursor.count() == 1:
				// The header, pieces of 64 KiB, what is left of them, the last piece.
				if limit := len(b.want)/smallBody + 3; len(p.writes) > limit {
					t.Errorf("%s, to who %s: %d writes %v, want %d at most", shape.name, kind, len(p.writes), p.writes, limit)
				}
			}
		}
	}
}

// Nothing is held back that does not fit, or where there is nothing but the
// header.
func TestBodyHoldsBackOnlyWhatNeedsIt(t *testing.T) {
	for _, shape := range shapes {
		b := shape.body(t, t.TempDir())
		conn := &corkPeer{filePeer: filePeer{&peer{room: 1 << 30}}, willing: true}
		if err := b.send(conn); err != nil {
			t.Fatal(err)
		}
		n, want := len(b.want), 0
		if n > 0 && n <= smallBody {
			want = 1
		}
		if conn.corks != want || conn.corked {
			t.Errorf("%s: held back %d times, want %d; still does: %v", shape.name, conn.corks, want, conn.corked)
		}
	}
}

func TestBodyRead(t *testing.T) {
	for _, shape := range shapes {
		dir := t.TempDir()
		b := shape.body(t, dir)
		if err := iotest.TestReader(struct{ io.Reader }{b}, []byte(b.want)); err != nil {
			t.Errorf("%s: %v", shape.name, err)
		}
		if b.BytesSent() != int64(len(b.want)) || b.Err() != nil {
			t.Errorf("%s: counted %d (%v), want %d", shape.name, b.BytesSent(), b.Err(), len(b.want))
		}
		b = shape.open(t, dir, noise(int(shape.size), 7))
		if whole, err := b.AppendTo([]byte("head")); err != nil || string(whole) != "head"+b.want && string(whole) != "head" {
			t.Errorf("%s: AppendTo gave %d bytes, %v; want %d, or none", shape.name, len(whole)-len("head"), err, len(b.want))
		}
		var got bytes.Buffer
		if n, err := b.WriteTo(&got); n != int64(len(b.want)) || err != nil || got.String() != b.want {
			t.Errorf("%s: WriteTo a plain writer gave %d, %v; want %d", shape.name, n, err, len(b.want))
		}
	}
}

// Whoever reads the body may stop; what it took is what counts.
func TestBodyCountsWhatWasRead(t *testing.T) {
	b := shape{size: 200_000, ranges: []byteRange{{0, 5}, {10, 5}}}.body(t, t.TempDir())
	for want := int64(1); want < b.length; want++ {
		if n, err := b.Read(make([]byte, 1)); n != 1 || err != nil || b.BytesSent() != want {
			t.Fatalf("read %d, %v, counted %d; want %d", n, err, b.BytesSent(), want)
		}
	}
	if n, err := b.Read(nil); n != 0 || err != nil {
		t.Errorf("no room: %d, %v", n, err)
	}
}

func TestBodyOfAClosedFile(t *testing.T) {
	for _, shape := range shapes[1:] {
		b := shape.body(t, t.TempDir())
		for range 2 {
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.send(&peer{room: 1 << 30}); err == nil || b.Err() == nil || b.BytesSent() >= int64(len(b.want)) {
			t.Errorf("%s: sent %d of %d, %v", shape.name, b.BytesSent(), len(b.want), err)
		}
	}
}
