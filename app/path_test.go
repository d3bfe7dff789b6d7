package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"fullbore/logger"
	"fullbore/static"
)

// pathsSeen is the paths that an observer of requests is told.
type pathsSeen chan string

func (pathsSeen) Begin(*logger.Result) {}
func (pathsSeen) Ready(*logger.Result) {}

func (p pathsSeen) End(r *logger.Result) { p <- string(r.Path) }

// What is judged and opened is what is logged: rights, limits and metrics must not see
// another path than the file system does.
func TestPathOfARequestIsOneForAll(t *testing.T) {
	var line bytes.Buffer
	observed := make(pathsSeen, 1)
	log, err := logger.NewLogger(logger.Config{Format: "json", Output: &line, Observer: observed})
	if err != nil {
		t.Fatal(err)
	}
	var opened string
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(log.Handle)
	app.Use(func(c *fiber.Ctx) error {
		opened = strings.Clone(static.Path(c))
		return c.SendString("x")
	})
	app.Handler() // builds the routes
	log.Wrap(app.Server())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Server().Serve(ln) }()
	defer func() { _ = app.Server().Shutdown(); <-served }()
	for target, want := range map[string]string{
		"/":                          "/",
		"/a/b":                       "/a/b",
		"/a//b/":                     "/a/b/",
		"/a/./b/../c":                "/a/c",
		"/a%2fb":                     "/a/b",
		"/%61%20b?x=/y":              "/a b",
		"/a/%2e%2e/b":                "/b",
		"/a/..%2f..%2f..%2fetc":      "/etc",
		"/../../etc":                 "/etc",
		"/a%252fb":                   "/a%2fb",
		"/a+b":                       "/a+b",
		"/a;b=c":                     "/a;b=c",
		"/%zz":                       "/%zz",
		"/a%00b":                     "/a\x00b",
		"/%C3%BC":                    "/ü",
		"/back%5c..%5cslash":         `/back\..\slash`,
		"http://other/a/%2e%2e/b?q":  "/b",
		"http://other":               "/",
		"/a/%2E./%2e/" + "b%2F%2F/c": "/b/c",
	} {
		line.Reset()
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(client, "GET "+target+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		_ = resp.Body.Close()
		_ = client.Close()
		told := <-observed // when the line is written
		var record struct{ Path string }
		if err := json.Unmarshal(line.Bytes(), &record); err != nil {
			t.Fatalf("%s: %v: %q", target, err, line.Bytes())
		}
		if opened != want || record.Path != want || told != want {
			t.Errorf("%s is %q for what opens, %q in the log, %q for observers, want %q", target, opened, record.Path, told, want)
		}
	}
}
