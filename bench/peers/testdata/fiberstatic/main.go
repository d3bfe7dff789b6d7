// Fiberstatic is a yardstick for fullbore: Fiber's own static route behind Fiber's
// own logger, as its users would write it, and nothing else.
package main

import (
	"crypto/tls"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/logger"

	"fullbore/bench/peers/testdata/yardstick"
)

func main() { yardstick.Main(serve) }

func serve(s yardstick.Site) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	// In its default format, which has no byte count: that one would read every file
	// into memory.
	app.Use(logger.New(logger.Config{Output: s.Log}))
	app.Static("/", s.Folder, fiber.Static{ByteRange: true, Browse: true})
	if s.Certificate == "" {
		return app.Listener(s.Listener)
	}
	pair, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
	if err != nil {
		return err
	}
	return app.Listener(tls.NewListener(s.Listener, &tls.Config{Certificates: []tls.Certificate{pair}}))
}
