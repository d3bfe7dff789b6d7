package static

import (
	"mime"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestDisposition(t *testing.T) {
	for _, c := range []struct{ about, name, want string }{
		{"RFC 6266 section 5, second example", "an example.html", `attachment; filename="an example.html"`},
		{"RFC 6266 section 5, third example", "€ rates", `attachment; filename="_ rates"; filename*=UTF-8''%E2%82%AC%20rates`},
		{"RFC 8187 section 3.2.3", "£ and € rates", `attachment; filename="_ and _ rates"; filename*=UTF-8''%C2%A3%20and%20%E2%82%AC%20rates`},
		{"plain name", "a-b_c.tar.gz", `attachment; filename="a-b_c.tar.gz"`},
		{"what a quoted string may hold, RFC 9110 section 5.6.4", "a;b,c='(1)'&{x}[y]~@#!$^+`.txt", "attachment; filename=\"a;b,c='(1)'&{x}[y]~@#!$^+`.txt\""},
		{"the end of the string, section 4.1", `a"; x="b`, `attachment; filename="a_; x=_b"; filename*=UTF-8''a%22%3B%20x%3D%22b`},
		{"escape that some take for a folder, appendix D", `a\b`, `attachment; filename="a_b"; filename*=UTF-8''a%5Cb`},
		{"path, section 4.3", "../b", `attachment; filename=".._b"; filename*=UTF-8''..%2Fb`},
		{"escape that some decode, appendix D", "100%41", `attachment; filename="100_41"; filename*=UTF-8''100%2541`},
		{"percent sign that is none", "100%, %4 %", `attachment; filename="100%, %4 %"`},
		{"encoded word that some decode, appendix C.1", "=?UTF-8?Q?a?=", `attachment; filename="_?UTF-8?Q?a?="; filename*=UTF-8''%3D%3FUTF-8%3FQ%3Fa%3F%3D`},
		{"new header", "a\r\nSet-Cookie: x=1", `attachment; filename="a__Set-Cookie: x=1"; filename*=UTF-8''a__Set-Cookie%3A%20x%3D1`},
		{"NUL, ESC, DEL, C1", "a\x00\x1b\x7f\u0085b", `attachment; filename="a____b"; filename*=UTF-8''a____b`},
		{"not UTF-8", "a\xff\xc3b", `attachment; filename="a__b"; filename*=UTF-8''a%EF%BF%BD%EF%BF%BDb`},
		{"beyond the basic plane", "📦", `attachment; filename="_"; filename*=UTF-8''%F0%9F%93%A6`},
		{"composed and not", "é e\u0301", `attachment; filename="_ e_"; filename*=UTF-8''%C3%A9%20e%CC%81`},
		{"no name", "", `attachment; filename="download"`},
		{"255 bytes", strings.Repeat("n", 251) + ".txt", `attachment; filename="` + strings.Repeat("n", 251) + `.txt"`},
		{"255 bytes, none of them ASCII", strings.Repeat("名", 85), `attachment; filename="` + strings.Repeat("_", 85) + `"; filename*=UTF-8''` + strings.Repeat("%E5%90%8D", 85)},
	} {
		if got := disposition("attachment", c.name); got != c.want {
			t.Errorf("%s: %q\n gives %s\n want  %s", c.about, c.name, got, c.want)
		}
	}
	if got := disposition("inline", "a"); got != `inline; filename="a"` {
		t.Error(got)
	}
}

// dispositionForm is one printable ASCII line, with a quoted string that has
// no escapes and no path, and perhaps an ext-value of RFC 8187.
var dispositionForm = regexp.MustCompile(`^attachment; filename="[ !#-.0-\[\]-~]+"` +
	"(; filename\\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+)?$")

func FuzzDisposition(f *testing.F) {
	for _, name := range []string{"a.txt", "", `"`, `\`, "%41", "=?x", "a\r\nb: c", "\xff", "€", "..", "/", " a ", "a'b", "a*b", "\u2028", "\u202e"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		value := disposition("attachment", name)
		if !dispositionForm.MatchString(value) {
			t.Fatalf("%q: %q is not of the form wanted", name, value)
		}
		kind, params, err := mime.ParseMediaType(value)
		if err != nil || kind != "attachment" || len(params) != 1 {
			t.Fatalf("%q: %s parses to %s, %q, %v", name, value, kind, params, err)
		}
		clean := name != "" && utf8.ValidString(name) && strings.IndexFunc(name, unicode.IsControl) < 0
		if got := params["filename"]; clean && got != name || got == "" || strings.IndexFunc(got, unicode.IsControl) >= 0 {
			t.Fatalf("%q: %s comes back as %q", name, value, got)
		}
	})
}

func BenchmarkDisposition(b *testing.B) {
	for about, name := range map[string]string{"plain": "fullbore-1.0.tar.gz", "extended": "Größe der Datei.tar.gz"} {
		b.Run(about, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				disposition("attachment", name)
			}
		})
	}
}
