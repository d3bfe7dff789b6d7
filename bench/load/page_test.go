//go:build linux

package load

// This file fetches pages from net/http's server, in the clear and over TLS.

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestFetchReadsToTheEnd(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/chunked":
			for range 10 {
				_, _ = w.Write(make([]byte, 1000))
				_ = http.NewResponseController(w).Flush()
			}
		case "/late":
			_, _ = w.Write([]byte("x"))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
			_, _ = w.Write([]byte("y"))
		case "/empty":
		case "/short":
			w.Header().Set("Content-Length", "5")
			_, _ = w.Write([]byte("x"))
		default:
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, 100_000)))
		}
	})
	server := httptest.NewUnstartedServer(handler)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	secure := &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS13}
	for _, config := range []*tls.Config{nil, secure} {
		address := server.Listener.Addr().String()
		if config == nil {
			address = addressOf(t, handler)
		}
		for path, want := range map[string]int64{"/chunked": 10_000, "/late": 2, "/empty": 0, "/file": 100_000} {
			page, err := Fetch(t.Context(), address, path, config)
			if err != nil || page.Status != 200 || page.Bytes != want || page.FirstByte <= 0 || page.Took < page.FirstByte {
				t.Errorf("%s: %+v, %v, want %d bytes", path, page, err, want)
			}
			if path == "/late" && page.Took-page.FirstByte < 10*time.Millisecond {
				t.Errorf("first byte after %v, last after %v: there are 20 ms between them", page.FirstByte, page.Took)
			}
			if tls13 := strings.HasPrefix(page.Cipher, "TLS 1.3 TLS_"); tls13 != (config != nil) {
				t.Errorf("%s: cipher %q", path, page.Cipher)
			}
		}
		if _, err := Fetch(t.Context(), address, "/short", config); err == nil || !strings.Contains(err.Error(), "after 1 bytes") {
			t.Errorf("cut short: error %v", err)
		}
	}
}

func TestFetchCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := addressOf(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done() // until the client hangs up
	}))
	if _, err := Fetch(ctx, address, "/", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
