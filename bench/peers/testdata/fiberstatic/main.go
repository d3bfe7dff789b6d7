// Fiberstatic is the yardstick for fullbore: Fiber's own static route and nothing
// else, no logger, no middleware.
package main

import (
	"fmt"
	"net"
	"os"

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
	app.Static("/", folder, fiber.Static{ByteRange: true})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	return app.Listener(listener)
}
