//go:build unix

package e2e

import (
	"path/filepath"
	"testing"
)

func TestPagesOfAnotherOriginMayAsk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f"), "content")
	s := start(t, "--cors", "https://app.example,http://localhost:3000", "--resource-policy", "cross-origin", dir)
	for _, method := range []string{"OPTIONS", "GET"} {
		status, h := headers(t, curl(t, dir, "-i", "-X", method, "-H", "Origin: https://app.example", "-H", "Access-Control-Request-Method: GET", "-H", "Access-Control-Request-Headers: range", s.url("/f")))
		if h.Get("Access-Control-Allow-Origin") != "https://app.example" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %s %v", method, status, h)
		}
	}
	if _, h := headers(t, curl(t, dir, "-i", "-H", "Origin: https://evil.example", s.url("/f"))); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %v", h)
	}
}
