package static

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"fullbore/static/accept"
)

// logLines is JSON text of n bytes, as it is in logs and data sets.
func logLines(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("kernel moves bytes process keeps memory flat log tells truth about what was delivered complete aborted timeout error download")
	word := func() string { return words[r.IntN(len(words))] }
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, `{"time":"2026-11-%02dT%02d:%02d:%02dZ","id":"%08x","remote":"192.0.2.%d","path":"/%s/%s-%d.iso","status":%d,"bytes_sent":%d,"outcome":"%s"}`+"\n",
			r.IntN(30)+1, r.IntN(24), r.IntN(60), r.IntN(60), r.Uint32(), r.IntN(256), word(), word(), r.IntN(100), []int{200, 206, 304, 404}[r.IntN(4)], r.Int64N(1<<32), word())
	}
	return b.Bytes()[:n]
}

// base64Text is text of n bytes that compresses to three quarters.
func base64Text(n int) []byte {
	raw := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw)
	return []byte(base64.StdEncoding.EncodeToString(raw)[:n])
}

// compressing is a Fiber server that compresses the files of a folder for who
// accepts it.
type compressing struct {
	dir    string
	url    string
	opened func(f *os.File) io.ReadCloser // what the body gets for an open file
	plain  atomic.Int32                   // responses that went out as they are
	stop   func()                         // also closes the client's connections
	client *http.Client

	mu     sync.Mutex
	bodies []*compressedBody
}

// untouched is for files that nothing happens to.
func untouched(f *os.File) io.ReadCloser { return f }

// truncated is for files that get another size once they are open.
func truncated(t *testing.T, size int64) func(f *os.File) io.ReadCloser {
	return func(f *os.File) io.ReadCloser {
		if err := os.Truncate(f.Name(), size); err != nil {
			t.Error(err)
		}
		return f
	}
}

func compressFrom(t *testing.T, dir string, opened func(f *os.File) io.ReadCloser) *compressing {
	t.Helper()
	s := &compressing{dir: dir, opened: opened}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/:name", s.handle)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + ln.Addr().String() + "/"
	transport := &http.Transport{DisableCompression: true}
	s.client = &http.Client{Transport: transport}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	s.stop = sync.OnceFunc(func() {
		transport.CloseIdleConnections()
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *compressing) handle(c *fiber.Ctx) error {
	f, err := os.Open(filepath.Join(s.dir, filepath.Base(string(c.Context().Path()))))
	if err != nil {
		return fiber.ErrNotFound
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file := s.opened(f)
	coding := accept.Encoding(c.Get(fiber.HeaderAcceptEncoding)).Choose(encodable)
	encoder, ok := acquireEncoder(coding)
	if !ok {
		s.plain.Add(1)
		c.Context().SetBodyStream(file, int(info.Size()))
		return nil
	}
	c.Set(fiber.HeaderContentEncoding, coding.Token())
	body := newCompressedBody(file, info.Size(), encoder)
	s.mu.Lock()
	s.bodies = append(s.bodies, body)
	s.mu.Unlock()
	c.Context().SetBodyStream(body, -1)
	return nil
}

// last is the body made last, when the server is done with all of them.
func (s *compressing) last(t *testing.T) *compressedBody {
	t.Helper()
	waitForEncoders(t, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bodies) == 0 {
		t.Fatal("nothing was compressed")
	}
	return s.bodies[len(s.bodies)-1]
}

// waitForEncoders waits until so many are in use.
func waitForEncoders(t *testing.T, want int32) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); encodersInUse.Load() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d encoders are in use, want %d", encodersInUse.Load(), want)
		}
	}
}

// get asks for a file, and gives the body as it came.
func (s *compressing) get(t *testing.T, name, acceptEncoding string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", acceptEncoding)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// decode undoes a coding by a decoder that is not ours, where there is one.
func decode(token string, body []byte) ([]byte, error) {
	switch token {
	case "gzip":
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case "zstd":
		r, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20)) // RFC 9659 section 3
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	return body, nil
}

func save(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

var bothCodings = []string{"gzip", "zstd"}

func TestCompressedRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s := compressFrom(t, dir, untouched)
	whole := bytes.Repeat(logLines(1<<20), maxCompressed>>20)
	for _, size := range []int{
		0, 1, minCompressed - 1, minCompressed, pieceLength - 1, pieceLength, pieceLength + 1,
		2 * pieceLength, 3*pieceLength + 7, 128 << 10, 1<<20 + 1, maxCompressed,
	} {
		save(t, dir, "f", whole[:size])
		for _, coding := range bothCodings {
			resp, body, err := s.get(t, "f", coding)
			if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != coding || resp.ContentLength != -1 {
				t.Fatalf("%s of %d bytes: %v, %v", coding, size, resp, err)
			}
			got, err := decode(coding, body)
			if err != nil || !bytes.Equal(got, whole[:size]) {
				t.Errorf("%s of %d bytes: %d bytes back, %v", coding, size, len(got), err)
			}
			if size > 100_000 && len(body) > size/3 {
				t.Errorf("%s makes %d bytes of %d", coding, len(body), size)
			}
			b := s.last(t)
			if b.BytesSent() != int64(len(body)) || b.Size() != int64(size) || b.Err() != nil {
				t.Errorf("%s of %d bytes: %d came; counted %d of %d, %v", coding, size, len(body), b.BytesSent(), b.Size(), b.Err())
			}
		}
	}
}

// What does not compress must not grow by more than the framing.
func TestCompressedNoise(t *testing.T) {
	dir := t.TempDir()
	s := compressFrom(t, dir, untouched)
	content := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	save(t, dir, "f", content)
	for _, coding := range bothCodings {
		_, body, err := s.get(t, "f", coding)
		if err != nil || len(body) > len(content)+len(content)/1000 {
			t.Errorf("%s: %d bytes of %d, %v", coding, len(body), len(content), err)
		}
		if got, err := decode(coding, body); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes back, %v", coding, len(got), err)
		}
	}
}

// tool finds a program that the machine may not have.
func tool(t *testing.T, name string) string {
	t.Helper()
	full, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return full
}

func TestCompressedForCurl(t *testing.T) {
	curl := tool(t, "curl")
	dir := t.TempDir()
	s := compressFrom(t, dir, untouched)
	content := logLines(1 << 20)
	save(t, dir, "f", content)
	out, err := exec.Command(curl, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, coding := range bothCodings {
		if coding == "zstd" && !strings.Contains(string(out), "zstd") {
			t.Log("this curl has no zstd")
			continue
		}
		header := filepath.Join(t.TempDir(), "header")
		got, err := exec.Command(curl, "-sS", "--compressed", "-H", "Accept-Encoding: "+coding, "-D", header, s.url+"f").Output()
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", coding, len(got), err)
		}
		if h, err := os.ReadFile(header); err != nil || !strings.Contains(string(h), "Content-Encoding: "+coding) {
			t.Errorf("%s: %q, %v", coding, h, err)
		}
	}
	s = compressFrom(t, dir, truncated(t, 900_000))
	out, err = exec.Command(curl, "-sS", "--compressed", "-o", os.DevNull, s.url+"f").CombinedOutput()
	if err == nil {
		t.Errorf("curl takes a response that was broken off for whole: %s", out)
	}
}

func TestCompressedForTools(t *testing.T) {
	dir := t.TempDir()
	s := compressFrom(t, dir, untouched)
	content := logLines(1 << 20)
	save(t, dir, "f", content)
	for _, coding := range bothCodings {
		t.Run(coding, func(t *testing.T) {
			cmd := exec.Command(tool(t, coding), "-dc")
			_, body, err := s.get(t, "f", coding)
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdin = bytes.NewReader(body)
			if got, err := cmd.Output(); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// A file that is not what it was when it was opened, at its end or somewhere in
// the middle, small enough for one chunk or not.
func TestCompressedFileThatChanged(t *testing.T) {
	for _, c := range []struct {
		about     string
		size, now int64
		want      string
	}{
		{"shrank, small", 5000, 4999, "1 bytes less"},
		{"vanished, small", 5000, 0, "5000 bytes less"},
		{"shrank in the middle", 3 << 20, 2 << 20, "1048576 bytes less"},
		{"shrank by a byte", 3 << 20, 3<<20 - 1, "1 bytes less"},
		{"grew, small", 5000, 5001, "more than the 5000 bytes"},
		{"grew", 3 << 20, 4 << 20, "more than the 3145728 bytes"},
	} {
		for _, coding := range bothCodings {
			dir := t.TempDir()
			s := compressFrom(t, dir, truncated(t, c.now))
			name := save(t, dir, "f", base64Text(int(c.size)))
			_, body, err := s.get(t, "f", coding)
			if err == nil {
				t.Errorf("%s, %s: the client got %d bytes and takes them for all", c.about, coding, len(body))
			}
			b := s.last(t)
			if !errors.Is(b.Err(), io.ErrUnexpectedEOF) || !strings.Contains(b.Err().Error(), c.want) || !strings.HasPrefix(b.Err().Error(), name+" has ") {
				t.Errorf("%s, %s: %v, want %s", c.about, coding, b.Err(), c.want)
			}
			if b.BytesSent() != int64(len(body)) {
				t.Errorf("%s, %s: counted %d, %d came", c.about, coding, b.BytesSent(), len(body))
			}
		}
	}
}

// closedEarly is for files that are closed behind the body's back.
func closedEarly(f *os.File) io.ReadCloser {
	_ = f.Close()
	return f
}

func TestCompressedFileThatFails(t *testing.T) {
	for _, size := range []int{0, 5000} { // at its end, at its beginning
		dir := t.TempDir()
		s := compressFrom(t, dir, closedEarly)
		save(t, dir, "f", logLines(size))
		if _, _, err := s.get(t, "f", "zstd"); err == nil {
			t.Errorf("%d bytes: the client takes it for whole", size)
		}
		if err := s.last(t).Err(); !errors.Is(err, os.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// watched is a file that fails when it is read to its end.
type watched struct {
	*os.File
	err error
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.File.Read(p)
	if errors.Is(err, io.EOF) {
		err = w.err
	}
	return n, err
}

// A file that says itself what is wrong with it has the last word.
func TestCompressedFileThatLooksItself(t *testing.T) {
	want := fmt.Errorf("was written to: %w", io.ErrUnexpectedEOF)
	for _, size := range []int64{4999, 5000} { // it fails too early, and at the end
		dir := t.TempDir()
		s := compressFrom(t, dir, func(f *os.File) io.ReadCloser {
			truncated(t, size)(f)
			return watched{f, want}
		})
		save(t, dir, "f", logLines(5000))
		if _, _, err := s.get(t, "f", "gzip"); err == nil {
			t.Errorf("%d bytes: the client takes it for whole", size)
		}
		if err := s.last(t).Err(); err != want { //nolint:errorlint // this very error
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// closes tells when a file is closed.
type closes struct {
	*os.File
	n *atomic.Int32
}

func (c closes) Close() error {
	c.n.Add(1)
	return c.File.Close()
}

func TestCompressedAbortGivesEncoderBack(t *testing.T) {
	dir := t.TempDir()
	var closed atomic.Int32
	s := compressFrom(t, dir, func(f *os.File) io.ReadCloser { return closes{f, &closed} })
	content := base64Text(32 << 20) // more than the sockets' buffers take
	save(t, dir, "f", content)
	// More rounds than there are encoders: one that was lost would be missed.
	rounds := maxEncoders + 2
	for i := range rounds {
		coding := bothCodings[i%2]
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /f HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n", coding)
		if _, err := io.ReadFull(conn, make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		waitForEncoders(t, 1)
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
		b := s.last(t)
		if b.Err() == nil || errors.Is(b.Err(), io.ErrUnexpectedEOF) || b.BytesSent() < 60_000 || b.BytesSent() > int64(len(content)) {
			t.Errorf("%s: counted %d, %v", coding, b.BytesSent(), b.Err())
		}
		if closed.Load() != i+1 {
			t.Errorf("%s: the file was closed %d times, want %d", coding, closed.Load(), i+1)
		}
	}
	// What an abort left in an encoder does not come out in the next response.
	save(t, dir, "g", content[:200_000])
	for range 4 {
		for _, coding := range bothCodings {
			_, body, err := s.get(t, "g", coding)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decode(coding, body); err != nil || !bytes.Equal(got, content[:200_000]) {
				t.Errorf("%s after an abort: %d bytes, %v", coding, len(got), err)
			}
		}
	}
}

// gated is a file that can be read once the gate is open.
type gated struct {
	*os.File
	gate chan struct{}
}

func (g gated) Read(p []byte) (int, error) {
	<-g.gate
	return g.File.Read(p)
}

func TestCompressedNeverMoreThanTheBound(t *testing.T) {
	dir := t.TempDir()
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	s := compressFrom(t, dir, func(f *os.File) io.ReadCloser { return gated{f, gate} })
	content := logLines(300_000)
	save(t, dir, "f", content)
	clients := 3 * maxEncoders
	var done sync.WaitGroup
	var codings [accept.NumCodings]atomic.Int32
	for i := range clients {
		done.Go(func() {
			resp, body, err := s.get(t, "f", bothCodings[i%2])
			if err != nil {
				t.Error(err)
				return
			}
			token := resp.Header.Get("Content-Encoding")
			codings[slices.Index([]string{"", "gzip", "br", "zstd"}, token)].Add(1)
			if got, err := decode(token, body); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%q: %d bytes, %v", token, len(got), err)
			}
		})
	}
	// Those that got no encoder did not wait for one.
	for end := time.Now().Add(30 * time.Second); s.plain.Load() < clients-maxEncoders; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%d responses as they are, want %d", s.plain.Load(), clients-maxEncoders)
			break
		}
	}
	waitForEncoders(t, maxEncoders)
	open()
	done.Wait()
	waitForEncoders(t, 0)
	plain := codings[accept.Identity].Load()
	if zipped := codings[accept.Gzip].Load() + codings[accept.Zstd].Load(); zipped != maxEncoders || plain != clients-maxEncoders {
		t.Errorf("%d compressed and %d as they are, want %d and %d", zipped, plain, maxEncoders, clients-maxEncoders)
	}
}

func TestAcquireEncoder(t *testing.T) {
	var taken []*encoder
	for e, ok := acquireEncoder(accept.Zstd); ok; e, ok = acquireEncoder(accept.Zstd) {
		taken = append(taken, e)
	}
	if int32(len(taken)) != maxEncoders {
		t.Errorf("%d could be had, want %d", len(taken), maxEncoders)
	}
	if _, ok := acquireEncoder(accept.Gzip); ok {
		t.Error("another coding goes beyond the bound")
	}
	for _, e := range taken {
		e.release()
	}
	for c := accept.Identity; c < accept.NumCodings; c++ {
		e, ok := acquireEncoder(c)
		if ok != encodable.Has(c) {
			t.Errorf("coding %q: %v", c.Token(), ok)
		}
		if ok {
			e.release()
		}
	}
	waitForEncoders(t, 0)
}

func TestCompressedBodyReadIsAsWriteTo(t *testing.T) {
	dir := t.TempDir()
	name := save(t, dir, "f", logLines(500_000))
	for _, c := range []accept.Coding{accept.Gzip, accept.Zstd} {
		body := func() *compressedBody {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			e, ok := acquireEncoder(c)
			if !ok {
				t.Fatal("no encoder")
			}
			return newCompressedBody(f, 500_000, e)
		}
		written, read := body(), body()
		var want bytes.Buffer
		if n, err := written.WriteTo(&want); err != nil || n != int64(want.Len()) || n != written.BytesSent() {
			t.Errorf("WriteTo: %d, %v; counted %d", n, err, written.BytesSent())
		}
		got, err := io.ReadAll(read)
		if err != nil || !bytes.Equal(got, want.Bytes()) || read.BytesSent() != int64(len(got)) {
			t.Errorf("Read gives %d bytes, %v, counted %d; WriteTo %d", len(got), err, read.BytesSent(), want.Len())
		}
		for _, b := range []*compressedBody{written, read} {
			for range 2 {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}
			if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
				t.Errorf("Read after Close: %v", err)
			}
		}
		waitForEncoders(t, 0)
	}
}

// refusing is a writer that takes nothing.
type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestCompressedBodyErrorStays(t *testing.T) {
	f, err := os.Open(save(t, t.TempDir(), "f", logLines(500_000)))
	if err != nil {
		t.Fatal(err)
	}
	e, ok := acquireEncoder(accept.Zstd)
	if !ok {
		t.Fatal("no encoder")
	}
	body := newCompressedBody(f, 500_000, e)
	defer body.Close()
	if n, err := body.WriteTo(refusing{}); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("WriteTo: %d, %v", n, err)
	}
	if n, err := body.Read(make([]byte, 100)); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Read after that: %d, %v", n, err)
	}
	if body.BytesSent() != 0 || !errors.Is(body.Err(), io.ErrClosedPipe) {
		t.Errorf("counted %d, %v", body.BytesSent(), body.Err())
	}
}

func TestCompressedLeavesNothingBehind(t *testing.T) {
	ignore := []goleak.Option{
		goleak.IgnoreCurrent(),
		// fasthttp's own: they sleep for up to 10 s before they look whether to end.
		goleak.IgnoreTopFunction("time.Sleep"),
		goleak.IgnoreTopFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	}
	dir := t.TempDir()
	s := compressFrom(t, dir, untouched)
	content := logLines(5_000)
	save(t, dir, "f", content)
	var done sync.WaitGroup
	for client := range 4 {
		done.Go(func() {
			for range 250 {
				coding := bothCodings[client%2]
				resp, body, err := s.get(t, "f", coding)
				if err != nil || resp.Header.Get("Content-Encoding") != coding {
					t.Errorf("%s: %v, %v", coding, resp, err)
					return
				}
				if got, err := decode(coding, body); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %d bytes, %v", coding, len(got), err)
				}
			}
		})
	}
	done.Wait()
	waitForEncoders(t, 0)
	s.stop()
	goleak.VerifyNone(t, ignore...)
}

// BenchmarkCompress reports speed in bytes of the file, and the ratio.
func BenchmarkCompress(b *testing.B) {
	name := filepath.Join(b.TempDir(), "f")
	const size = 5 << 20
	if err := os.WriteFile(name, logLines(size), 0o644); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for _, c := range []accept.Coding{accept.Gzip, accept.Zstd} {
		b.Run(c.Token(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(size)
			var sent int64
			for b.Loop() {
				if _, err := f.Seek(0, io.SeekStart); err != nil {
					b.Fatal(err)
				}
				e, ok := acquireEncoder(c)
				if !ok {
					b.Fatal("no encoder")
				}
				body := newCompressedBody(io.NopCloser(f), size, e)
				if _, err := body.WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
				sent = body.BytesSent()
				_ = body.Close()
			}
			b.ReportMetric(float64(size)/float64(sent), "ratio")
		})
	}
}
