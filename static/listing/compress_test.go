package listing

import (
	"compress/gzip"
	"io"
	"strings"
	"sync"
	"testing"
)

func TestAcceptEncoding(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                            false,
		"identity":                    false,
		"gzip":                        true,
		"GZIP":                        true,
		"x-gzip":                      true,
		"gzip, deflate, br, zstd":     true,
		"br":                          false,
		"gzip;q=0":                    false,
		"gzip;q=0.0":                  false,
		"gzip;q=0.001":                true,
		"gzip ; q=0.5":                true,
		"*":                           true,
		"*;q=0":                       false,
		"gzip;q=0, *":                 false,
		"*;q=0, gzip":                 true,
		"gzip;q=x":                    false,
		"notgzip, gzipped":            false,
		"deflate;q=0.5,gzip;q=0.2,,;": true,
	} {
		if got := acceptsGzip(accept); got != want {
			t.Errorf("Accept-Encoding: %s: %t", accept, got)
		}
	}
}

func TestCompressedPagesAreThePages(t *testing.T) {
	dir := t.TempDir()
	makeNasty(t, dir)
	addr := serveFolder(t, dir, "/", Config{Compress: true})
	var clients sync.WaitGroup
	for range 3 * compressing {
		clients.Go(func() {
			for _, format := range formatNames {
				target := "http://" + addr + "/?format=" + format
				want := ask(t, "GET", target)
				got := ask(t, "GET", target, "Accept-Encoding: gzip")
				if want.Header.Get("Vary") != "Accept-Encoding" || want.Header.Get("Content-Encoding") != "" {
					t.Errorf("%s: not asked for, but %v", format, want.Header)
				}
				body := got.body
				if got.Header.Get("Content-Encoding") == "gzip" { // else all who compress are busy
					r, err := gzip.NewReader(strings.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					unpacked, err := io.ReadAll(r)
					if err != nil || int64(len(got.body)) != got.ContentLength || len(got.body) >= len(unpacked) {
						t.Errorf("%s: %d bytes for %d (%v)", format, len(got.body), len(unpacked), err)
					}
					body = string(unpacked)
				}
				if body != want.body {
					t.Errorf("%s: another page", format)
				}
			}
		})
	}
	clients.Wait()
	if got := ask(t, "GET", "http://"+addr+"/", browser, "Accept-Encoding: gzip"); got.Header.Get("Content-Encoding") != "gzip" {
		t.Error("alone, a page is not compressed")
	}
	few := serveFolder(t, t.TempDir(), "/", Config{Compress: true})
	if got := ask(t, "GET", "http://"+few+"/", "Accept-Encoding: gzip"); got.Header.Get("Content-Encoding") != "" {
		t.Error("nothing is compressed")
	}
}
