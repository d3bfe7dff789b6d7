package listing

import (
	"testing"

	"fullbore/static/reply"
)

// The formats by what clients send: those of real programs first.
func TestNegotiation(t *testing.T) {
	const (
		text  = reply.Text
		page  = reply.HTML
		json  = reply.JSON
		index = formatIndex
	)
	for _, test := range []struct {
		accept, userAgent string
		want              reply.Format
	}{
		{"*/*", "curl/8.5.0", text},
		{"", "curl/8.5.0", text},
		{"*/*", "Wget/1.21.3", index},
		{"*/*", "rclone/v1.60.1-DEV", index},
		{"*/*", "lftp/4.9.2", index},
		{"*/*", "", index},
		{"", "", index},
		{"*/*", "Kodi/21.0 (Linux)", index},
		{"*/*", "libcurl-agent/1.0", index},
		{"*/*", "curlew/8.5.0", index},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Mozilla/5.0", page},
		{"text/html, text/plain, text/sgml, */*;q=0.01", "Lynx/2.9", page},
		{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "Java/17", page},
		{"application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01", "pip/23", index},
		{"application/json, text/plain, */*", "axios/1.7", json},

		{"text/html", "curl/8.5.0", page},
		{"application/json", "curl/8.5.0", json},
		{"text/*", "curl/8.5.0", text},
		{"image/*", "curl/8.5.0", text},
		{"text/plain;q=0, */*", "curl/8.5.0", index},

		{"text/plain", "", text},
		{"TEXT/PLAIN", "", text},
		{"text/plain, */*;q=0.1", "", text},
		{"text/plain;q=0.1, */*", "", index},
		{"text/*", "", index},
		{"text/html;q=0.1", "", page},
		{"text/html;q=0.1, */*", "", text}, // anything rather than HTML
		{"text/html;q=0", "", text},
		{"text/html;q=0, */*", "", text},
		{"text/html;q=0, text/plain;q=0, */*", "", json},
		{"text/plain;q=0", "", index},
		{"application/json;q=0.1, */*", "", index},
		{"application/json;q=0.1", "", json},
		{"application/json, */*;q=0.1", "", json},
		{"application/json;q=0", "", index},
		{"application/*", "", json},
		{"application/problem+json", "", index},
		{"application/xhtml+xml", "", index},
		{"image/png", "", index},
		{"*/*;q=0", "", text},
		{"*", "", index},
		{",;,", "", index},
	} {
		if got := negotiated(test.accept, test.userAgent); got != test.want {
			t.Errorf("Accept: %s, User-Agent: %s gives %d, want %d", test.accept, test.userAgent, got, test.want)
		}
	}
}

// Vary names what the format depends on: nothing, when the query says it.
func TestFormatOfARequest(t *testing.T) {
	const text, html, json = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"
	addr := serveFolder(t, t.TempDir(), "/")
	for _, test := range []struct {
		query, contentType, vary string
		head                     []string
	}{
		{"", html, "Accept, User-Agent", nil},
		{"", html, "Accept, User-Agent", []string{"Accept: */*"}},
		{"", text, "Accept, User-Agent", []string{"Accept: */*", "User-Agent: curl/7.88.1"}},
		{"", html, "Accept, User-Agent", []string{browser}},
		{"", json, "Accept, User-Agent", []string{"Accept: application/json"}},
		{"", json, "Accept, User-Agent", []string{"Accept: text/plain;q=0.1", "Accept: application/json"}},
		{"?format=html", html, "", nil},
		{"?format=index", html, "", []string{"Accept: application/json"}},
		{"?format=json", json, "", []string{browser}},
		{"?format=text", text, "", []string{browser}},
		{"?format=urls", text, "", []string{browser}},
		{"?format=xml", html, "Accept, User-Agent", []string{browser}},
	} {
		got := ask(t, "GET", "http://"+addr+"/"+test.query, test.head...)
		if got.StatusCode != 200 || got.Header.Get("Content-Type") != test.contentType || got.Header.Get("Vary") != test.vary {
			t.Errorf("%q %q: %d, %s, Vary: %s", test.query, test.head, got.StatusCode, got.Header.Get("Content-Type"), got.Header.Get("Vary"))
		}
	}
}
