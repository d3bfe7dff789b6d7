package listing

import (
	"strings"
	"testing"
)

func TestNegotiation(t *testing.T) {
	for accept, want := range map[string]format{
		"":                                       formatText,
		"*/*":                                    formatText, // curl, wget
		"text/*":                                 formatText,
		"text/html":                              formatHTML,
		"TEXT/HTML":                              formatHTML,
		"text/plain":                             formatText,
		"application/json":                       formatJSON,
		"application/*":                          formatJSON,
		browser[8:]:                              formatHTML,
		"text/html, */*":                         formatHTML,
		"*/*, text/html":                         formatHTML, // closer, whatever the order
		"application/json, text/plain, */*":      formatJSON, // axios
		"text/html, text/plain, */*;q=0.01":      formatHTML, // lynx
		"text/plain, text/html":                  formatText, // equals: the first one named
		"text/html;q=0.5, text/plain;q=0.9":      formatText,
		"text/html;q=0.5,application/json;q=0.6": formatJSON,
		"text/html;Q=0.5,application/json;q=0.6": formatJSON,
		"text/html;q=0":                          formatText,
		"text/plain;q=0, */*":                    formatHTML,
		"text/plain;q=0, text/html;q=0, */*":     formatJSON,
		"*/*;q=0":                                formatText, // rather than 406
		"image/png":                              formatText,
		"application/xhtml+xml":                  formatText,
		"application/problem+json":               formatJSON,
		"text/html;charset=utf-8":                formatHTML,
		"text/html;level=1":                      formatText, // another variant than ours
		"text/html;level=1;q=0.3, text/html;q=0.7, */*;q=0.5": formatHTML,
		// RFC 9110 section 12.5.1, third example.
		"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5": formatText,
		"text/*;q=0.3, */*;q=0.5":                             formatJSON, // the closest range counts, not the best
		"text/html;q=1.0001, application/json;q=0.1":          formatJSON,
		"text/html;q=2, application/json;q=0.1":               formatJSON,
		"text/html;q=1.5, application/json;q=0.1":             formatJSON,
		"text/html;q=, application/json;q=0.1":                formatJSON,
		"text/html;q=.9, application/json;q=0.1":              formatJSON,
		"text/html;q=-1, application/json;q=0.1":              formatJSON,
		"text/html ; q=0.9 , application/json ; q=0.1":        formatHTML,
		"text/html\t;\tq=0.9,application/json;q=0.95":         formatJSON,
		"text/html;q=0.001, application/json;q=0.002":         formatJSON,
		`text/html;x="a,b;q=0", application/json;q=0.1`:       formatJSON,
		`text/plain;x="\",text/html", application/json;q=0.1`: formatJSON,
		`"`:                  formatText,
		",,,;;;,":            formatText,
		"text/html/x, text/": formatText,
		"html":               formatText,
		"*":                  formatText,
		"*/html":             formatText,
	} {
		if got := negotiate(accept); got != want {
			t.Errorf("Accept: %s gives %d, want %d", accept, got, want)
		}
	}
}

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

// Whatever follows, a range that is exact, has the best quality and comes
// first wins.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{"", "*/*", browser[8:], `text/html;x="`, "a/b;q=0.5,,", "text/plain;q=1", `;"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if got := negotiate(accept); got != formatText && got != formatHTML && got != formatJSON {
			t.Errorf("Accept: %q gives %d", accept, got)
		}
		if got := negotiate("application/json," + accept); got != formatJSON {
			t.Errorf("after application/json, %q gives %d", accept, got)
		}
		if got := negotiate(strings.ToUpper(accept)); got != negotiate(strings.ToUpper(accept)+" ,\t") {
			t.Errorf("an empty element after %q changes the choice", accept)
		}
		acceptsGzip(accept)
	})
}
