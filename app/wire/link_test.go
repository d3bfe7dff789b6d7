//go:build linux

package wire

// A connection is found again inside what is wrapped around it.

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// wrapped is a connection inside another one, as PROXY makes it.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

func TestLinkOf(t *testing.T) {
	_, server, client := pair(t, time.Minute)
	for name, test := range map[string]struct {
		conn net.Conn
		want Link
	}{
		"itself":              {server, server},
		"inside TLS":          {tls.Server(server, nil), server},
		"inside PROXY in TLS": {tls.Server(wrapped{server}, nil), server},
		"a foreign one":       {client, nil},
		"TLS of a foreign":    {tls.Server(client, nil), nil},
		"a wrapper of none":   {wrapped{}, nil},
		"none":                {nil, nil},
	} {
		if got, ok := LinkOf(test.conn); got != test.want || ok != (test.want != nil) {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	if socket, ok := As[syscall.Conn](tls.Server(server, nil)); !ok || socket != syscall.Conn(server.sock.Stream) {
		t.Errorf("the socket is %v, %v", socket, ok)
	}
}

// counting counts what a client sends and receives, without our help.
type counting struct {
	*net.TCPConn
	sent, received atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// overTLS is a pair that speaks TLS, after the handshake. raw is the client's
// connection below it.
func overTLS(t *testing.T) (ln *Listener, server, client *tls.Conn, raw *counting) {
	t.Helper()
	ln, inner, tcp := pair(t, time.Minute)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"here"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	server = tls.Server(inner, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}})
	raw = &counting{TCPConn: tcp}
	client = tls.Client(raw, &tls.Config{RootCAs: roots, ServerName: "here"})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return ln, server, client, raw
}

// request has the client ask and the server answer.
func request(t *testing.T, server, client *tls.Conn, ask, answer int) {
	t.Helper()
	if _, err := client.Write(make([]byte, ask)); err != nil {
		t.Fatal(err)
	}
	link, _ := LinkOf(server)
	link.Work()
	if _, err := io.ReadFull(server, make([]byte, ask)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Write(make([]byte, answer)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(client, make([]byte, answer)); err != nil {
		t.Fatal(err)
	}
	link.Rest()
}

func TestCountersInsideTLSCountCiphertext(t *testing.T) {
	ln, server, client, raw := overTLS(t)
	request(t, server, client, 1000, 100_000)
	link, _ := LinkOf(server)
	if link.BytesRead() != raw.sent.Load() || link.BytesRead() <= 1000 {
		t.Errorf("%d bytes read, the client sent %d", link.BytesRead(), raw.sent.Load())
	}
	if link.BytesWritten() != raw.received.Load() || link.BytesWritten() <= 100_000 {
		t.Errorf("%d bytes written, the client received %d", link.BytesWritten(), raw.received.Load())
	}
	if written, read := ln.Bytes(); written != link.BytesWritten() || read != link.BytesRead() {
		t.Errorf("the listener counted %d and %d", written, read)
	}
}

func TestRetireInsideTLS(t *testing.T) {
	ln, server, client, _ := overTLS(t)
	request(t, server, client, 100, 100)
	read := make(chan error, 1)
	go func() {
		_, err := server.Read(make([]byte, 1)) // of the next request
		server.Close()
		read <- err
	}()
	_ = ln.Retire(false)
	if err := <-read; err != io.EOF { //nolint:errorlint // TLS gives it as it is
		t.Errorf("Read gave %v, want the end", err)
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // as above; a cut would be another one
		t.Errorf("the client read %v, want an orderly end", err)
	}
	if ln.Open() != 0 {
		t.Error("the listener still counts it")
	}
}

func TestRetireInsideTLSLeavesWorkAlone(t *testing.T) {
	ln, server, client, _ := overTLS(t)
	link, _ := LinkOf(server)
	link.Work()
	_ = ln.Retire(true)
	request(t, server, client, 100, 100)
}

func TestCutInsideTLS(t *testing.T) {
	_, server, _, _ := overTLS(t)
	link, _ := LinkOf(server)
	written := make(chan error, 1)
	go func() {
		_, err := server.Write(make([]byte, 64<<20)) // which nobody reads
		written <- err
	}()
	for link.BytesWritten() < 64<<10 {
		time.Sleep(time.Millisecond)
	}
	reason := errors.New("a test")
	link.Cut(reason)
	if err := <-written; !errors.Is(err, reason) {
		t.Errorf("Write gave %v", err)
	}
	if !errors.Is(link.WriteErr(), reason) {
		t.Errorf("WriteErr is %v", link.WriteErr())
	}
}
