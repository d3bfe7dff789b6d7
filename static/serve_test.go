package static

// This file is the harness: the middleware in a real app, behind a real socket
// of each kind that there is, and a client that sends exactly what it is told.

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/goleak"

	"fullbore/app/engine"
	"fullbore/app/wire"
	"fullbore/static/source"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's clock never stops, and what cleans up after a server's
		// workers sleeps once more when the server has ended.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// patience is for what must happen at all; no test depends on how soon.
const patience = 60 * time.Second

// socket makes a listener, and the client's settings if it speaks TLS.
type socket func(t *testing.T) (net.Listener, *tls.Config)

// sockets are the kinds of connection: fullbore's own, which takes files, counts
// and holds back on demand, the system's, which takes files, TLS over that, which
// takes none, TLS over fullbore's own, which counts and holds back, and event loops.
var sockets = map[string]socket{"wire": onWire, "net": onNet, "tls": onTLS, "tls over wire": onTLSOverWire, "loops": onLoops}

// looped is a listener whose connections event loops carry, where there are any.
type looped struct{ net.Listener }

func onLoops(t *testing.T) (net.Listener, *tls.Config) {
	ln, client := onWire(t)
	return looped{ln}, client
}

func onTLSOverWire(t *testing.T) (net.Listener, *tls.Config) {
	ln, _ := onWire(t)
	return overTLS(t, ln)
}

func onWire(t *testing.T) (net.Listener, *tls.Config) {
	ln, err := wire.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln, nil
}

func onNet(t *testing.T) (net.Listener, *tls.Config) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln, nil
}

func onTLS(t *testing.T) (net.Listener, *tls.Config) {
	ln, _ := onNet(t)
	return overTLS(t, ln)
}

// overTLS puts TLS over a listener.
func overTLS(t *testing.T, ln net.Listener) (net.Listener, *tls.Config) {
	server, client := certificate(t)
	return tls.NewListener(ln, server), client
}

// certificate makes a server's certificate and a client that trusts it alone.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// site is the middleware in an app that is being served.
type site struct {
	addr   string
	client *tls.Config // nil without TLS

	// ended has the Body of each response that had one, as it was once the
	// response was over and whoever logs it sees it.
	ended chan *Body
}

// serve mounts New(root) on an app with a real socket and gives its address.
func serve(t *testing.T, mount, root string, config ...Config) string {
	t.Helper()
	return serveOn(t, onWire, mount, root, config...).addr
}

// serveOn is serve on a kind of socket.
func serveOn(t *testing.T, on socket, mount, root string, config ...Config) *site {
	t.Helper()
	h, err := Open(root, config...)
	if err != nil {
		t.Fatal(err)
	}
	return serveHandler(t, on, mount, h)
}

// serveHandler is serveOn for a Handler, which it closes.
func serveHandler(t *testing.T, on socket, mount string, h *Handler) *site {
	t.Helper()
	s := &site{ended: make(chan *Body, 1<<13)}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, RequestMethods: slices.Concat(fiber.DefaultMethods, []string{"PROPFIND", "LOCK"})})
	app.Use(s.watch)
	app.Use(mount, h.Handle)
	ln, client := on(t)
	s.addr, s.client = ln.Addr().String(), client
	served := make(chan error, 1)
	if on, ok := ln.(looped); ok {
		app.Handler() // builds the routes
		go func() { served <- engine.Serve(on.Listener, app.Server()) }()
	} else {
		go func() { served <- app.Listener(ln) }()
	}
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		ln.Close() // the app may not have begun to serve it
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = h.Close()
	})
	return s
}

// watch sees to it that ended is told.
func (s *site) watch(c *fiber.Ctx) error {
	err := c.Next()
	if body, ok := c.Response().BodyStream().(*Body); ok {
		c.Context().SetUserValue("ended", closer(func() { s.ended <- remembered(body) }))
	}
	return err
}

// remembered is a body as it was, for it may serve another response.
func remembered(b *Body) *Body {
	was := &Body{representation: b.representation, one: b.one, length: b.length, err: b.err}
	was.cursor.plan = everySegment(b)
	was.sent.Store(b.BytesSent())
	return was
}

type closer func()

func (do closer) Close() error {
	do()
	return nil
}

// body waits for the end of a response that has a Body.
func (s *site) body(t *testing.T) *Body {
	t.Helper()
	select {
	case b := <-s.ended:
		return b
	case <-time.After(patience):
		t.Fatal("no response with a body has ended")
		return nil
	}
}

// dial connects to the site until the test ends.
func (s *site) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if s.client != nil {
		return tls.Client(conn, s.client)
	}
	return conn
}

// tcpOf is the connection below TLS, if there is any.
func tcpOf(conn net.Conn) *net.TCPConn {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	return conn.(*net.TCPConn)
}

// ask is the package's ask over the site's kind of socket.
func (s *site) ask(t *testing.T, method, target string, headers ...string) response {
	t.Helper()
	conn := s.dial(t)
	defer conn.Close()
	return exchange(t, conn, method, target, append(headers, "Connection: close")...)
}

// response is an answer with its body read.
type response struct {
	*http.Response
	body string
}

// ask sends one request with the target exactly as given.
func ask(t *testing.T, addr, method, target string, headers ...string) response {
	t.Helper()
	return (&site{addr: addr}).ask(t, method, target, headers...)
}

// exchange sends one request over a connection and reads the answer.
func exchange(t *testing.T, conn net.Conn, method, target string, headers ...string) response {
	t.Helper()
	if _, err := io.WriteString(conn, request(method, target, headers...)); err != nil {
		t.Fatal(err)
	}
	return readResponse(t, bufio.NewReader(conn), method, target)
}

// request is a request as it is sent.
func request(method, target string, headers ...string) string {
	raw := method + " " + target + " HTTP/1.1\r\nHost: test\r\n"
	for _, h := range headers {
		raw += h + "\r\n"
	}
	return raw + "\r\n"
}

func readResponse(t *testing.T, r *bufio.Reader, method, target string) response {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %.80s: %v", method, target, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %.80s: %v", method, target, err)
	}
	return response{resp, string(body)}
}

// write makes a file below dir, with the folders on the way, an hour old.
func write(t testing.TB, dir, name, content string) string {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(full, old, old); err != nil {
		t.Fatal(err)
	}
	return full
}

// link makes a symbolic link below dir.
func link(t testing.TB, dir, name, target string) {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, full); err != nil {
		t.Fatal(err)
	}
}

// noise is n bytes that look like nothing, the same ones for the same seed.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = byte(seed >> 56)
	}
	return string(b)
}

// openBelow opens a file the way the middleware does.
func openBelow(t testing.TB, dir, name string) representation {
	t.Helper()
	r, err := source.OpenDisk(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	f, info, err := r.Open(name, source.MayWait)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return representation{version: version{file: f, name: path.Base(name), info: info}}
}

// validatorsNow are those that the middleware would send for a file.
func validatorsNow(t testing.TB, full string) validators {
	t.Helper()
	r := openBelow(t, filepath.Dir(full), filepath.Base(full))
	return validatorsOf(ETagAuto, r.info, changedAt(r.file), time.Now())
}

// headerOf is the header of a response without what differs each time.
func headerOf(r response) string {
	h := r.Header.Clone()
	h.Del("Date")
	return fmt.Sprint(h)
}
