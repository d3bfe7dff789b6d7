// Package yardstick is what the Go servers compared with fullbore share: command
// line, listener and access log.
package yardstick

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Site is what to serve, and where.
type Site struct {
	Folder           string
	Listener         net.Listener
	Log              io.Writer // safe for concurrent use
	Certificate, Key string    // PEM files; empty is no TLS
}

// Main serves what the command line says, until serve fails.
func Main(serve func(Site) error) {
	var s Site
	address := flag.String("listen", "127.0.0.1:0", "address to serve on")
	log := flag.String("log", os.DevNull, "access log")
	flag.StringVar(&s.Certificate, "certificate", "", "PEM file; empty is no TLS")
	flag.StringVar(&s.Key, "key", "", "PEM file")
	flag.Parse()
	s.Folder = flag.Arg(0)
	file, err := os.OpenFile(*log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		s.Log = gathered(file)
		s.Listener, err = net.Listen("tcp", *address)
	}
	if err == nil {
		fmt.Fprintln(os.Stderr, "listening http://"+s.Listener.Addr().String())
		err = serve(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
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
