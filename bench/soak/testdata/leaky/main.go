// Leaky is a control for the soak: a Fiber app with a logger that asks for the
// length of the response body. On a stream that question reads the whole file
// into a pooled buffer, which then stays. A soak that calls this flat is broken.
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/gofiber/fiber/v2"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(folder string) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	var counted int // keeps the compiler from dropping the question
	app.Use(func(c *fiber.Ctx) error {
		err := c.Next()
		counted += len(c.Response().Body())
		return err
	})
	app.Get("/:file", func(c *fiber.Ctx) error {
		file, err := os.Open(filepath.Join(folder, filepath.Base(c.Params("file"))))
		if err != nil {
			return fiber.ErrNotFound
		}
		info, err := file.Stat()
		if err != nil {
			return err
		}
		c.Context().SetBodyStream(file, int(info.Size())) // closed by fasthttp
		return nil
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	return app.Listener(listener)
}
