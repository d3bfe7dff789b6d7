package logger

import (
	"fmt"
	"io"
	"log"
	"net/netip"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
)

// byQuery is a Config.Client that takes the client from the query: an address, or
// nothing for one on a Unix socket. "?me" is the peer.
func byQuery(ctx *fasthttp.RequestCtx, read bool) (client netip.Addr, proxied bool) {
	query := string(ctx.URI().QueryString())
	if !read || query == "me" {
		return netip.Addr{}, false
	}
	client, _ = netip.ParseAddr(query)
	return client, true
}

// A record says who the client is, and who brought its request if that is another.
func TestClientAndPeer(t *testing.T) {
	app := func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error { return c.SendString("ok") })
	}
	const direct, proxied, unix = "/?me", "/?2001:db8::1", "/?"
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{Format: "${ip} ${peer}\n"}, "127.0.0.1 -\n2001:db8::1 127.0.0.1\nunix: 127.0.0.1\n"},
		{Config{Format: FormatCommon, CustomTags: map[string]LogFunc{TagTime: nothing}}, `127.0.0.1 - - [] "GET /?me HTTP/1.1" 200 2` + "\n" +
			`2001:db8::1 - - [] "GET /?2001:db8::1 HTTP/1.1" 200 2` + "\n" + `unix: - - [] "GET /? HTTP/1.1" 200 2` + "\n"},
		{Config{Format: FormatJSON, Fields: []string{"remote", "peer", "status"}}, `{"remote":"127.0.0.1","status":200}` + "\n" +
			`{"remote":"2001:db8::1","peer":"127.0.0.1","status":200}` + "\n" + `{"remote":"unix:","peer":"127.0.0.1","status":200}` + "\n"},
	} {
		test.cfg.Client = byQuery
		addr, log, stop := serve(t, test.cfg, true, app)
		for _, path := range []string{direct, proxied, unix} {
			exchange(t, addr, get(path))
		}
		stop()
		if log.String() != test.want {
			t.Errorf("%s %v logs\n%swant\n%s", test.cfg.Format, test.cfg.Fields, log, test.want)
		}
	}
}

func nothing(Buffer, *fiber.Ctx, *Data, string) (int, error) { return 0, nil }

// An Observer and an event of zerolog know both, too.
func TestClientAndPeerInEventsAndResults(t *testing.T) {
	var seen []string
	events := &output{}
	each := zerolog.New(events)
	cfg := Config{Logger: &each, Fields: []string{"remote", "peer"}, Client: byQuery, Observer: ended(func(r *Result) {
		seen = append(seen, string(r.AppendRemote(nil))+" "+string(r.Peer.AppendTo(nil)))
	})}
	addr, _, stop := serve(t, cfg, true, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error { return c.SendString("ok") })
	})
	exchange(t, addr, get("/?192.0.2.1"))
	exchange(t, addr, get("/?me"))
	stop()
	const want = `{"level":"info","remote":"192.0.2.1","peer":"127.0.0.1"}` + "\n" + `{"level":"info","remote":"127.0.0.1"}` + "\n"
	if events.String() != want {
		t.Errorf("events\n%swant\n%s", events, want)
	}
	if got := strings.Join(seen, ", "); got != "192.0.2.1 127.0.0.1, 127.0.0.1 " {
		t.Errorf("results have %q", got)
	}
}

// Config.Client goes before Fiber's ProxyHeader.
func TestClientGoesBeforeProxyHeader(t *testing.T) {
	app := fiber.New(fiber.Config{ProxyHeader: fiber.HeaderXForwardedFor, DisableStartupMessage: true})
	out := &output{}
	app.Use(New(Config{Format: "${ip}\n", Output: out, Client: byQuery}))
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("ok") })
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	ctx.Request.SetRequestURI("/?192.0.2.1")
	ctx.Request.Header.Set(fiber.HeaderXForwardedFor, "198.51.100.1")
	app.Handler()(ctx)
	if out.String() != "192.0.2.1\n" {
		t.Errorf("logs %q", out)
	}
}

// What could not be read is told of as such.
func TestClientOfWhatCouldNotBeRead(t *testing.T) {
	out, asked := &output{}, []bool{}
	l, err := NewLogger(Config{Format: "${status} ${ip}\n", Output: out, Client: func(_ *fasthttp.RequestCtx, read bool) (netip.Addr, bool) {
		asked = append(asked, read)
		return netip.MustParseAddr("192.0.2.1"), true
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{
		Handler:      func(*fasthttp.RequestCtx) {},
		ErrorHandler: func(ctx *fasthttp.RequestCtx, err error) { ctx.Error("", fasthttp.StatusBadRequest) },
		Logger:       log.New(io.Discard, "", 0),
	}
	l.Wrap(server)
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	conn, err := ln.Dial()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\nnonsense\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
	conn.Close()
	_ = server.Shutdown()
	<-served
	if got := fmt.Sprint(out, asked); got != "200 192.0.2.1\n400 192.0.2.1\n [true false]" {
		t.Errorf("logged %q", got)
	}
}
