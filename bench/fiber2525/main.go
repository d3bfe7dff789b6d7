// Fiber2525 is the bug that fullbore was written to end, in its original form:
// Fiber v2.52.5, a static route, and Fiber's own logger with ${bytesSent}. The
// logger asks for the length of the body, which reads the whole file into a
// pooled buffer that then stays. It is a module of its own, so that the old
// version stays out of the product.
//
// Usage: fiber2525 FOLDER
package main

import (
	"fmt"
	"io"
	"net"
	"os"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/logger"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: fiber2525 FOLDER")
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(logger.New(logger.Config{Format: "${status} ${bytesSent} ${path}\n", Output: io.Discard}))
	app.Static("/", args[0], fiber.Static{ByteRange: true})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	return app.Listener(listener)
}
