package reply

import (
	"strings"
	"testing"
)

// browser is what Firefox accepts.
const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestNegotiation(t *testing.T) {
	for accept, want := range map[string]Format{
		"":                                       Text,
		"*/*":                                    Text, // curl, wget
		"text/*":                                 Text,
		"text/html":                              HTML,
		"TEXT/HTML":                              HTML,
		"text/plain":                             Text,
		"application/json":                       JSON,
		"application/*":                          JSON,
		browser:                                  HTML,
		"text/html, */*":                         HTML,
		"*/*, text/html":                         HTML, // closer, whatever the order
		"application/json, text/plain, */*":      JSON, // axios
		"text/html, text/plain, */*;q=0.01":      HTML, // lynx
		"text/plain, text/html":                  Text, // equals: the first one named
		"text/html;q=0.5, text/plain;q=0.9":      Text,
		"text/html;q=0.5,application/json;q=0.6": JSON,
		"text/html;Q=0.5,application/json;q=0.6": JSON,
		"text/html;q=0":                          Text,
		"text/plain;q=0, */*":                    HTML,
		"text/plain;q=0, text/html;q=0, */*":     JSON,
		"*/*;q=0":                                Text, // rather than 406
		"image/png":                              Text,
		"application/xhtml+xml":                  Text,
		"application/problem+json":               JSON,
		"text/html;charset=utf-8":                HTML,
		"text/html;level=1":                      Text, // another variant than ours
		"text/html;level=1;q=0.3, text/html;q=0.7, */*;q=0.5": HTML,
		// RFC 9110 section 12.5.1, third example.
		"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5": Text,
		"text/*;q=0.3, */*;q=0.5":                             JSON, // the closest range counts, not the best
		"text/html;q=1.0001, application/json;q=0.1":          JSON,
		"text/html;q=2, application/json;q=0.1":               JSON,
		"text/html;q=1.5, application/json;q=0.1":             JSON,
		"text/html;q=, application/json;q=0.1":                JSON,
		"text/html;q=.9, application/json;q=0.1":              JSON,
		"text/html;q=-1, application/json;q=0.1":              JSON,
		"text/html ; q=0.9 , application/json ; q=0.1":        HTML,
		"text/html\t;\tq=0.9,application/json;q=0.95":         JSON,
		"text/html;q=0.001, application/json;q=0.002":         JSON,
		`text/html;x="a,b;q=0", application/json;q=0.1`:       JSON,
		`text/plain;x="\",text/html", application/json;q=0.1`: JSON,
		`"`:                  Text,
		",,,;;;,":            Text,
		"text/html/x, text/": Text,
		"html":               Text,
		"*":                  Text,
		"*/html":             Text,
	} {
		if got := accepted(accept); got != want {
			t.Errorf("Accept: %s gives %d, want %d", accept, got, want)
		}
	}
}

// Whatever follows, a range that is exact, has the best quality and comes
// first wins.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{"", "*/*", browser, `text/html;x="`, "a/b;q=0.5,,", "text/plain;q=1", `;"\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if got := accepted(accept); got != Text && got != HTML && got != JSON {
			t.Errorf("Accept: %q gives %d", accept, got)
		}
		if got := accepted("application/json," + accept); got != JSON {
			t.Errorf("after application/json, %q gives %d", accept, got)
		}
		if got := accepted(strings.ToUpper(accept)); got != accepted(strings.ToUpper(accept)+" ,\t") {
			t.Errorf("an empty element after %q changes the choice", accept)
		}
	})
}
