//go:build linux

package load

// This file fetches one answer of unknown length and times it. It exists for
// listings, which are often chunked, and for TLS, where nothing can be discarded
// in the kernel: here net/http's own reader is the right tool.

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Page is one answer.
type Page struct {
	Status    int
	Bytes     int64         // of the body
	FirstByte time.Duration // from sending the request to the first byte of the body
	Took      time.Duration // to the last byte
	Cipher    string        // of TLS; empty without
}

// Fetch asks for a path on a new connection, over TLS if there is a config for
// it, and reads the answer to its end. Connecting is not timed.
func Fetch(ctx context.Context, address, path string, config *tls.Config) (Page, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return Page{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var page Page
	if config != nil {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return Page{}, cause(ctx, fmt.Errorf("TLS handshake: %w", err))
		}
		page.Cipher = tls.VersionName(secure.ConnectionState().Version) + " " + tls.CipherSuiteName(secure.ConnectionState().CipherSuite)
		conn = secure
	}
	err = page.read(conn, address, path)
	return page, cause(ctx, err)
}

func (p *Page) read(conn net.Conn, address, path string) error {
	begin := time.Now()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fullbore-bench\r\nAccept: text/html,*/*\r\nConnection: close\r\n\r\n",
		path, address); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("read response header: %w", err)
	}
	defer response.Body.Close()
	p.Status = response.StatusCode
	first, err := io.ReadFull(response.Body, make([]byte, 1))
	p.FirstByte = time.Since(begin)
	p.Bytes = int64(first)
	if err == nil {
		var rest int64
		rest, err = io.CopyBuffer(onlyWriter{io.Discard}, response.Body, make([]byte, 64<<10))
		p.Bytes += rest
	}
	p.Took = time.Since(begin)
	if errors.Is(err, io.EOF) {
		return nil // an empty body
	}
	if err != nil {
		return fmt.Errorf("body ended after %d bytes: %w", p.Bytes, err)
	}
	return nil
}

// onlyWriter hides io.Discard's ReadFrom, which would use 8 KiB at a time.
type onlyWriter struct{ io.Writer }
