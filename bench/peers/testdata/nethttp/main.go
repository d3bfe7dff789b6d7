// Nethttp is a yardstick for fullbore: the standard library's file server with an
// access log in the combined format, and nothing else.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
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
	handler := http.FileServer(http.Dir(folder))
	if log != "" {
		file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		handler = logged(handler, file)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening http://"+listener.Addr().String())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	if certificate != "" {
		return server.ServeTLS(listener, certificate, key)
	}
	return server.Serve(listener)
}

// logged writes a line per request, gathered for up to a second.
func logged(next http.Handler, file io.Writer) http.Handler {
	var mu sync.Mutex
	buffer := bufio.NewWriterSize(file, 64<<10)
	go func() { // lives as long as the program
		for range time.Tick(time.Second) {
			mu.Lock()
			_ = buffer.Flush()
			mu.Unlock()
		}
	}()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &counter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(counted, r)
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(buffer, "%s - - [%s] %q %d %d %q %q\n", host, time.Now().Format("02/Jan/2006:15:04:05 -0700"),
			r.Method+" "+r.RequestURI+" "+r.Proto, counted.status, counted.bytes, r.Referer(), r.UserAgent())
	})
}

// counter counts what is sent, and leaves sendfile possible.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// ReadFrom is what io.Copy calls, and what leads to sendfile.
func (c *counter) ReadFrom(source io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, source)
	c.bytes += n
	return n, err
}
