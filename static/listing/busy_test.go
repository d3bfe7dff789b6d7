package listing

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// While a large folder is read, others are answered; only who wants another
// large one has to wait, and is told to come back when it takes too long.
func TestOneLargeFolderAtATime(t *testing.T) {
	l := New()
	reading, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	addr := serveApp(t, func(app *fiber.App) {
		app.Get("/:kind", func(c *fiber.Ctx) error {
			src := &memSource{names: memNames(10)}
			switch c.Params("kind") {
			case "large":
				src.names = memNames(5000)
			case "slow":
				src.names = memNames(5000)
				src.onRead = func() {
					if src.next > batch {
						once.Do(func() { close(reading); <-goOn })
					}
				}
			}
			return l.Answer(c, Folder{Path: "/", Source: src})
		})
	})
	slow := make(chan response)
	go func() { slow <- ask(t, "GET", "http://"+addr+"/slow", "Accept: text/plain") }()
	<-reading
	for range 2 * places {
		if got := ask(t, "GET", "http://"+addr+"/small"); got.StatusCode != 200 {
			t.Fatalf("a small folder: %d", got.StatusCode)
		}
	}
	if got := ask(t, "GET", "http://"+addr+"/large"); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("a second large folder: %d %v", got.StatusCode, got.Header)
	}
	close(goOn)
	if got := <-slow; got.StatusCode != 200 || strings.Count(got.body, "\n") != 5000 {
		t.Errorf("the first: %d", got.StatusCode)
	}
	if got := ask(t, "GET", "http://"+addr+"/large"); got.StatusCode != 200 {
		t.Errorf("who came at the end: %d", got.StatusCode)
	}
}

func TestNoMoreThanAFewWait(t *testing.T) {
	turn := newTurn(1, 2, patience)
	release, err := turn.take()
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	for range 2 {
		turn.queue <- struct{}{} // as those who wait
	}
	if _, err := turn.take(); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	for range 2 {
		<-turn.queue
	}
	for range 3 { // who has waited makes room for others who wait
		for range 2 {
			go func() {
				release, err := turn.take()
				if err == nil {
					release()
				}
				results <- err
			}()
		}
		for len(turn.queue) < 2 {
			time.Sleep(time.Millisecond)
		}
		release()
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if len(turn.queue) != 0 {
			t.Fatalf("%d are still waiting", len(turn.queue))
		}
		if release, err = turn.take(); err != nil {
			t.Fatal(err)
		}
	}
}

// narrow makes connections that hold little, so that a client which does not
// read stops the server soon.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return conn, err
}

// What slow clients hold has a bound. Pages of usual size come all the same,
// and when the slow ones are gone, large ones too.
func TestMemoryOfSlowClients(t *testing.T) {
	const names = 9000
	weight := func() int64 {
		c, err := New().choose(&memSource{names: memNames(names)}, query{sort: byName, page: 1, limit: maxLimit})
		if err != nil {
			t.Fatal(err)
		}
		return newPage(Folder{}, query{}, c).weight()
	}()
	l := New(Config{Memory: 3*weight + weight/2}) // three of them
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/:names", func(c *fiber.Ctx) error {
		n, _ := c.ParamsInt("names")
		err := l.Answer(c, Folder{Path: "/", Source: &memSource{names: memNames(n)}})
		if errors.Is(err, ErrBusy) {
			return c.SendStatus(503)
		}
		return err
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(narrow{ln}) }()
	defer func() {
		app.Shutdown()
		<-done
	}()

	var slow []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		fmt.Fprintf(conn, "GET /%d?format=json HTTP/1.1\r\nHost: x\r\n\r\n", names)
		if line, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("%q (%v)", line, err)
		}
		slow = append(slow, conn)
	}
	url := func(n int) string { return fmt.Sprintf("http://%s/%d?format=json", ln.Addr(), n) }
	if got := ask(t, "GET", url(names)); got.StatusCode != 503 {
		t.Errorf("a fourth large page: %d", got.StatusCode)
	}
	if got := ask(t, "GET", url(100)); got.StatusCode != 200 {
		t.Errorf("a page of usual size: %d", got.StatusCode)
	}
	for _, conn := range slow {
		conn.Close()
	}
	for ask(t, "GET", url(names)).StatusCode != 200 {
		time.Sleep(time.Millisecond) // until the server has seen that they are gone
	}
	for range 2 { // what was taken is given back
		for _, method := range []string{"GET", "HEAD"} {
			if got := ask(t, method, url(names)); got.StatusCode != 200 {
				t.Errorf("%s when they are gone: %d", method, got.StatusCode)
			}
		}
	}
}

func TestHeldMemoryShrinks(t *testing.T) {
	m := newMemory(1 << 20)
	held, err := m.take(500 << 10)
	if err != nil {
		t.Fatal(err)
	}
	held.shrink(100 << 10)
	held.shrink(200 << 10) // never grows
	if !m.free.TryAcquire(924<<10) || m.free.TryAcquire(1) {
		t.Error("it does not hold 100 KiB")
	}
	m.free.Release(924 << 10)
	held.shrink(0)
	held.shrink(0)
	if !m.free.TryAcquire(1 << 20) {
		t.Error("not all was given back")
	}
	m.free.Release(1 << 20)
	all, err := m.take(1 << 40) // more than there is: all there is
	if err != nil {
		t.Fatal(err)
	}
	all.shrink(0)
	if few, err := m.take(fewKB); few != nil || err != nil {
		t.Errorf("a few KB: %v, %v", few, err)
	}
}

// A page that was compressed holds what it is now.
func TestCompressedPageHoldsLess(t *testing.T) {
	m := newMemory(1 << 20)
	held, err := m.take(500 << 10)
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	c.Request().Header.Set(fiber.HeaderAcceptEncoding, "gzip")
	b := newCompressor().compress(c, &body{before: [][]byte{pageHead, pageTail}, held: held})
	if size := int64(len(b.before[0])); held.bytes != size || size < 1000 || size >= int64(len(pageHead)) || b.held != held {
		t.Errorf("%d bytes hold %d", size, held.bytes)
	}
}
