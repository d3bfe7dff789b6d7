package listing

import "testing"

func TestFormatOfARequest(t *testing.T) {
	addr := serveFolder(t, t.TempDir(), "/")
	for _, test := range []struct {
		query string
		want  string
		head  []string
	}{
		{"", "text/plain; charset=utf-8", nil},
		{"", "text/plain; charset=utf-8", []string{"Accept: */*"}},
		{"", "text/html; charset=utf-8", []string{browser}},
		{"", "application/json", []string{"Accept: application/json"}},
		{"", "application/json", []string{"Accept: text/plain;q=0.1", "Accept: application/json"}},
		{"?format=html", "text/html; charset=utf-8", nil},
		{"?format=json", "application/json", []string{browser}},
		{"?format=text", "text/plain; charset=utf-8", []string{browser}},
		{"?format=urls", "text/plain; charset=utf-8", []string{browser}},
		{"?format=xml", "text/html; charset=utf-8", []string{browser}},
	} {
		got := ask(t, "GET", "http://"+addr+"/"+test.query, test.head...)
		if got.StatusCode != 200 || got.Header.Get("Content-Type") != test.want {
			t.Errorf("%q %q: %d %s, want %s", test.query, test.head, got.StatusCode, got.Header.Get("Content-Type"), test.want)
		}
		if got.Header.Get("Vary") != "Accept" {
			t.Errorf("%q: Vary %q", test.query, got.Header.Get("Vary"))
		}
	}
}
