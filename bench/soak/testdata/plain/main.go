// Plain is a control for the soak: Go's own file server, which is flat, with an
// access log that tells the truth, or with -lie repeats Content-Length as the
// loggers do that this project is against, or with -double says everything twice.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func main() {
	lie := flag.Bool("lie", false, "log Content-Length and complete, whatever happened")
	double := flag.Bool("double", false, "log every request twice")
	flag.Parse()
	if err := serve(flag.Arg(0), flag.Arg(1), *lie, *double); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(folder, logFile string, lie, double bool) error {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	files := http.FileServer(http.Dir(folder))
	var mu sync.Mutex
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &counter{ResponseWriter: w}
		files.ServeHTTP(counted, r)
		length, _ := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
		sent, outcome := counted.sent, "complete"
		if lie {
			sent = length
		} else if sent < length {
			outcome = "aborted"
		}
		mu.Lock()
		defer mu.Unlock()
		for range 1 + map[bool]int{true: 1}[double] {
			_ = json.NewEncoder(log).Encode(map[string]any{
				"query": r.URL.RawQuery, "status": counted.status, "bytes_sent": sent, "outcome": outcome,
			})
		}
	}))
}

// counter counts body bytes and keeps sendfile, which ReadFrom leads to.
type counter struct {
	http.ResponseWriter
	status int
	sent   int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.sent += int64(n)
	return n, err
}

func (c *counter) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.ResponseWriter.(io.ReaderFrom).ReadFrom(r)
	c.sent += n
	return n, err
}
