// Command fiberapp is an app as any Fiber user would write it, to see what the
// logger does to Fiber's own ways of sending a file. Arguments: the file to
// send, the log to write, and "wire" for our listener or "net" for Go's.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/wire"
	"fullbore/logger"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name, log, listener string) error {
	out, err := logger.OpenFile(log)
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(logger.New(logger.Config{Format: "${path} ${bytesSent} ${outcome}\n", Output: out}))
	app.Static("/static", name)
	app.Get("/sendfile", func(c *fiber.Ctx) error { return c.SendFile(name) })
	app.Get("/sendstream", func(c *fiber.Ctx) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return c.SendStream(f, int(info.Size()))
	})
	ln, err := listen(listener)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening http://%s\n", ln.Addr())
	return app.Listener(ln)
}

func listen(kind string) (net.Listener, error) {
	if kind == "wire" {
		return wire.Listen("127.0.0.1:0")
	}
	return net.Listen("tcp", "127.0.0.1:0")
}
