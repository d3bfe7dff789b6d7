package listing

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"fullbore/static/reply"
)

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"plain.txt":                  "plain.txt",
		" a  b ":                     " a  b ",
		"<b>&\"'":                    "<b>&\"'",
		"a\nb\tc\x00":                "a\uFFFDb\uFFFDc\uFFFD",
		"\x1b[31m":                   "\uFFFD[31m",
		"\u0085":                     "\uFFFD",
		"a\u202eb":                   "a\uFFFDb",
		"a\u2028b":                   "a\uFFFDb",
		"a\u200bb\ufeff":             "a\uFFFDb\uFFFD",
		"\xff\xfe":                   "\uFFFD", // one for a row of bytes that are no text
		"e\u0301":                    "e\u0301",
		"\U0001f468\u200d\U0001f469": "\U0001f468\u200d\U0001f469",
		"नमस्ते":                     "नमस्ते",
	} {
		if got := reply.Printable(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for name, want := range map[string]string{
		"plain 100%": "plain 100%",
		"a\nb":       "a%0Ab",
		"\x1b[0m":    "%1B[0m",
		"a\u2028":    "a%E2%80%A8",
		"\xff":       "%FF",
		"\uFFFD":     "\uFFFD",
		"# note":     "%23 note",
		"a#":         "a#",
	} {
		if got := string(appendLine(nil, name)); got != want {
			t.Errorf("%q is the line %q, want %q", name, got, want)
		}
	}
}

// Whatever the name, what is shown is harmless text, and the link is relative
// and leads to exactly these bytes.
func FuzzName(f *testing.F) {
	for _, name := range nastyNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, shown := range []string{reply.Printable(name), string(appendLine(nil, name))} {
			if !utf8.ValidString(shown) || strings.ContainsFunc(shown, unicode.IsControl) ||
				strings.ContainsFunc(shown, func(r rune) bool { return unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) }) {
				t.Errorf("%q is shown as %q", name, shown)
			}
		}
		href := string(appendHref(nil, name, true))
		if strings.ContainsAny(href, "<>\"'&#?:@\\ \r\n") || !strings.HasPrefix(href, "./") {
			t.Errorf("%q has the link %q", name, href)
		}
		got, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(href, "./"), "/"))
		if err != nil || got != name {
			t.Errorf("%q has the link %q, which leads to %q (%v)", name, href, got, err)
		}
	})
}

func TestKinds(t *testing.T) {
	for name, want := range map[string]looks{
		"a.JPG":                           {"image", previewImage},
		"a.heic":                          {"image", previewNone},
		"a.tar.gz":                        {"archive", previewNone},
		"debian.iso":                      {"disc", previewNone},
		"a.mp3":                           {"audio", previewAudio},
		"a.webm":                          {"video", previewVideo},
		"a.ts":                            {"video", previewNone}, // a TypeScript file may be shown as a video, not the other way round
		"main.go":                         {"code", previewText},
		"index.html":                      {"code", previewText},
		"x.svg":                           {"image", previewImage},
		"README":                          {"text", previewText},
		"SHA256SUMS":                      {"checksum", previewText},
		"a.iso.sha256":                    {"checksum", previewText},
		"a.sig":                           {"checksum", previewNone},
		"a.deb":                           {"package", previewNone},
		"a.pdf":                           {"document", previewNone},
		"noextension":                     {"file", previewNone},
		".":                               {"file", previewNone},
		"a.":                              {"file", previewNone},
		"a.unknown":                       {"file", previewNone},
		strings.Repeat("x", 300) + ".png": {"image", previewImage},
	} {
		if got := looksOf(name); got != want {
			t.Errorf("%s looks like %v, want %v", name, got, want)
		}
	}
	sprite := string(pageTail)
	for _, looks := range looksByExtension {
		if !strings.Contains(sprite, `<symbol id="i-`+string(looks.kind)+`"`) {
			t.Errorf("no icon for %s", looks.kind)
		}
	}
}
