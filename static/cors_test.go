package static

import "testing"

func TestCORS(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "content")
	const page, other = "https://app.example", "https://evil.example"
	for _, test := range []struct {
		name, method, target, origin string
		cors                         []string
		allow, vary                  string
	}{
		{"none by default", "GET", "/f", page, nil, "", ""},
		{"any", "GET", "/f", page, []string{"*"}, "*", ""},
		{"any, for a cache that no page asks", "GET", "/f", "", []string{"*"}, "*", ""},
		{"listed", "GET", "/f", page, []string{"http://localhost:3000", page}, page, "Origin"},
		{"not listed", "GET", "/f", other, []string{page}, "", "Origin"},
		{"no page", "GET", "/f", "", []string{page}, "", "Origin"},
		{"begins like a listed one", "GET", "/f", page + ".evil.example", []string{page}, "", "Origin"},
		{"another port", "GET", "/f", page + ":8443", []string{page}, "", "Origin"},
		{"null", "GET", "/f", "null", []string{page}, "", "Origin"},
		{"an error, so that the page can read the status", "GET", "/nope", page, []string{page}, page, "Origin"},
		{"preflight", "OPTIONS", "/f", page, []string{page}, page, "Origin"},
		{"preflight, not listed", "OPTIONS", "/f", other, []string{page}, "", "Origin"},
	} {
		addr := serve(t, "/", dir, Config{CORS: test.cors})
		fields := []string{"Range: bytes=0-1", "Access-Control-Request-Method: GET"}
		if test.origin != "" {
			fields = append(fields, "Origin: "+test.origin)
		}
		h := ask(t, addr, test.method, test.target, fields...).Header
		if h.Get("Access-Control-Allow-Origin") != test.allow || h.Get("Vary") != test.vary {
			t.Errorf("%s: %v, want %q and Vary %q", test.name, h, test.allow, test.vary)
		}
		preflight := test.method == "OPTIONS"
		if got := h.Get("Access-Control-Allow-Headers"); (got != "") != (preflight && test.allow != "") {
			t.Errorf("%s: Access-Control-Allow-Headers is %q", test.name, got)
		}
		if got := h.Get("Access-Control-Expose-Headers"); (got != "") != (!preflight && test.allow != "") {
			t.Errorf("%s: Access-Control-Expose-Headers is %q", test.name, got)
		}
	}
}

func TestResourcePolicy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "content")
	for _, policy := range []string{"", "same-site", "cross-origin"} {
		if got := ask(t, serve(t, "/", dir, Config{ResourcePolicy: policy}), "GET", "/f").Header.Get("Cross-Origin-Resource-Policy"); got != policy {
			t.Errorf("%q, want %q", got, policy)
		}
	}
}

func TestWhatIsNoOriginOrPolicy(t *testing.T) {
	for _, origin := range []string{"", "example.com", "https://example.com/", "https://example.com/x", "ftp://example.com", "https://u@example.com", "https://*.example.com", "null", "https://"} {
		if _, err := Open(t.TempDir(), Config{CORS: []string{origin}}); err == nil {
			t.Errorf("%q is taken for an origin", origin)
		}
	}
	for _, origin := range []string{"*", "https://example.com", "http://localhost:3000", "http://[::1]:8080"} {
		if err := CheckOrigin(origin); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(t.TempDir(), Config{ResourcePolicy: "none"}); err == nil {
		t.Error("none is taken for a policy")
	}
}
