// Fiberstatic is a yardstick for fullbore: Fiber's own static route behind Fiber's
// own logger, as its users would write it, and nothing else.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/logger"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address to serve on")
	log := flag.String("log", "", "access log")
	certificate := flag.String("certificate", "", "PEM file; empty is no TLS")
	key := flag.String("key", "", "PEM file")
	flag.Parse()
	if err := serve(flag.Arg(0), *address, *log, *certificate, *key); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(folder, address, log, certificate, key string) error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	if log != "" {
		file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		// In its default format, which has no byte count: that one would read
		// every file into memory.
		app.Use(logger.New(logger.Config{Output: gathered(file)}))
	}
	app.Static("/", folder, fiber.Static{ByteRange: true, Browse: true})
	if certificate != "" {
		return app.ListenTLS(address, certificate, key)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	return app.Listener(listener)
}

// writer is a buffer that is written when it is full, and every second.
type writer struct {
	mu     sync.Mutex
	buffer *bufio.Writer
}

func gathered(file io.Writer) *writer {
	w := &writer{buffer: bufio.NewWriterSize(file, 64<<10)}
	go func() { // lives as long as the program
		for range time.Tick(time.Second) {
			w.mu.Lock()
			_ = w.buffer.Flush()
			w.mu.Unlock()
		}
	}()
	return w
}

func (w *writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buffer.Write(line)
}
