// Nethttp is a yardstick for fullbore: the standard library's file server with an
// access log in the combined format, and nothing else.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"fullbore/bench/peers/testdata/yardstick"
)

func main() { yardstick.Main(serve) }

func serve(s yardstick.Site) error {
	server := &http.Server{Handler: logged(http.FileServer(http.Dir(s.Folder)), s.Log), ReadHeaderTimeout: 10 * time.Second}
	if s.Certificate != "" {
		return server.ServeTLS(s.Listener, s.Certificate, s.Key)
	}
	return server.Serve(s.Listener)
}

// logged writes a line per request.
func logged(next http.Handler, log io.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &counter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(counted, r)
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = fmt.Fprintf(log, "%s - - [%s] %q %d %d %q %q\n", host, time.Now().Format("02/Jan/2006:15:04:05 -0700"),
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
