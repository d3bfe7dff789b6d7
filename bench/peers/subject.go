//go:build linux

package peers

// This file starts a server and proves that it is the right one. It exists
// because most servers cannot say which port they got: one is picked, tried, and
// picked again if it was taken meanwhile; and because a server that sends the
// wrong bytes, or all of them for a range, would win every comparison.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"fullbore/bench/process"
)

const (
	answersWithin = 20 * time.Second
	attempts      = 3 // at finding a free port
)

// subject is a peer that runs.
type subject struct {
	peer    *installed
	address string
	server  *process.Server
	tree    *process.Tree
	scratch string
}

// installed is a peer whose program is there.
type installed struct {
	peer
	program string
	release string // its version
}

// start starts a peer and waits until it has answered as it should.
func (b *bench) start(ctx context.Context, p *installed, secure bool) (*subject, error) {
	var failed error
	for range attempts {
		s, err := b.attempt(ctx, p, secure)
		if err == nil {
			return s, nil
		}
		if failed = err; !errors.Is(err, process.ErrGone) {
			break // it runs and answers wrongly: another port would not help
		}
	}
	return nil, failed
}

// attempt is start on one port.
func (b *bench) attempt(ctx context.Context, p *installed, secure bool) (*subject, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	b.runs++
	scratch := filepath.Join(b.folder, fmt.Sprintf("run-%d-%s", b.runs, p.name))
	if err := os.Mkdir(scratch, 0o755); err != nil {
		return nil, err
	}
	where := site{
		Files: b.files, Scratch: scratch, Address: address,
		Connections: roomFor(b.config.connections()), Descriptors: descriptorsFor(b.config.connections()),
	}
	if secure {
		where.Certificate, where.Key = b.certificate, b.key
	}
	command, err := p.command(where)
	if err != nil {
		return nil, err
	}
	command.Args = append(command.Args, p.args...)
	command.Path, command.CPUs, command.Dir = p.program, []int{b.serverCPU}, scratch
	server, err := process.Spawn(command)
	if errors.Is(err, process.ErrGone) {
		return nil, fmt.Errorf("ended before it answered: %w", err)
	}
	if err != nil {
		return nil, err
	}
	s := &subject{peer: p, address: address, server: server, tree: process.NewTree(server.Process), scratch: scratch}
	if err := s.await(ctx, b, secure); err != nil {
		words := server.LastWords()
		s.stop()
		if words != "" {
			err = fmt.Errorf("%w: %s", err, words)
		}
		return nil, err
	}
	return s, nil
}

// stop ends the server with its children and removes what it wrote.
func (s *subject) stop() {
	_, _ = s.tree.CPU() // notes the children; an error means that the root is gone
	s.server.Stop()
	s.tree.Reap()
	_ = os.RemoveAll(s.scratch) // the whole scratch folder goes in the end
}

// await asks until there is an answer, and returns an error if it is wrong. A
// server that has ended is ErrGone.
func (s *subject) await(ctx context.Context, b *bench, secure bool) error {
	for begin := time.Now(); ; {
		err := s.check(ctx, b, secure)
		var refused *net.OpError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &refused) || refused.Op != "dial" || time.Since(begin) > answersWithin:
			return err
		}
		if _, err := s.server.Sample(); err != nil {
			return fmt.Errorf("ended before it answered: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// check compares a whole file and a range of it, byte for byte.
func (s *subject) check(ctx context.Context, b *bench, secure bool) error {
	scheme := "http"
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	if secure {
		scheme, transport.TLSClientConfig = "https", b.clientTLS()
	}
	ask := func(header string, status int, want []byte) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+s.address+"/"+checkName, http.NoBody)
		if err != nil {
			return err
		}
		if header != "" {
			request.Header.Set("Range", header)
		}
		response, err := (&http.Client{Transport: transport, Timeout: answersWithin}).Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		got, err := io.ReadAll(response.Body)
		switch {
		case err != nil:
			return fmt.Errorf("check: %w", err)
		case response.StatusCode != status:
			return fmt.Errorf("check: status %d, want %d", response.StatusCode, status)
		case !bytes.Equal(got, want):
			return fmt.Errorf("check: %d bytes with SHA-256 %.8x, want %d with %.8x",
				len(got), sha256.Sum256(got), len(want), sha256.Sum256(want))
		}
		return nil
	}
	if err := ask("", http.StatusOK, b.check); err != nil {
		return err
	}
	const first, last = 1000, 70_000
	return ask(fmt.Sprintf("bytes=%d-%d", first, last), http.StatusPartialContent, b.check[first:last+1])
}

// clientTLS trusts the servers' certificate and asks for TLS 1.3.
func (b *bench) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: b.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
}

// freeAddress is a loopback address with a free port.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// roomFor is the limit to set for n connections: nginx closes the ones that wait
// when less than a sixteenth of its limit is left.
func roomFor(n int) int { return n + n/8 + 512 }

// descriptorsFor is what a server needs for n downloads: a file and a socket
// each, and some.
func descriptorsFor(n int) int { return 2*n + 1200 }
