// Package admin is the second listener: what operators and health checks ask,
// kept apart from what the public may reach.
package admin

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
)

// livezPath answers 200 for as long as the process can answer at all.
const livezPath = "/livez"

// New makes the admin app; it serves once it is given a listener.
func New() *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		ReadTimeout:           10 * time.Second,
	})
	app.Get(livezPath, func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	return app
}

// Check asks the admin listener on addr (host:port) whether its server lives.
// An unspecified host is asked on the loopback address.
func Check(addr string, timeout time.Duration) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	client := http.Client{Timeout: timeout}
	resp, err := client.Get("http://" + net.JoinHostPort(host, port) + livezPath)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read or not, the answer is known
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Request.URL, resp.Status)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
	return err
}
