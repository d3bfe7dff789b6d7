package listen

import (
	"strings"
	"testing"
)

func TestAddressesThatCannotBeRead(t *testing.T) {
	const form = "want host:port, such as 127.0.0.1:8080 or :8080, or unix:FILE"
	const port = "want a port from 0 to 65535"
	for text, want := range map[string]string{
		"":                                      form,
		"8080":                                  form,
		"127.0.0.1":                             form,
		"http://127.0.0.1:80":                   form,
		"::1:80":                                form,
		"[::1]":                                 form,
		"[::1:80":                               form,
		"1.2.3.4:80:90":                         form,
		"127.0.0.1:":                            port,
		":":                                     port,
		":65536":                                port,
		":-1":                                   port,
		":+80":                                  port,
		":080000000":                            port,
		":0x50":                                 port,
		":99999999999999999999":                 port,
		":no-such-service":                      port,
		": 80":                                  port,
		"999.1.1.1:80":                          "999.1.1.1 is no IP address",
		"1.2.3:80":                              "1.2.3 is no IP address",
		"127.1:80":                              "127.1 is no IP address",
		"2130706433:80":                         "2130706433 is no IP address",
		"127.0.0.01:80":                         "127.0.0.01 is no IP address",
		"[::g]:80":                              "::g is no IP address",
		"[1::2::3]:80":                          "1::2::3 is no IP address",
		"[::ffff:1.2.3]:80":                     "::ffff:1.2.3 is no IP address",
		"127.0.0.1%lo:80":                       `"127.0.0.1%lo" is no host`,
		"a b:80":                                `"a b" is no host`,
		"user@host:80":                          `"user@host" is no host`,
		"*:80":                                  `"*" is no host: want :PORT for every address`,
		"unix:":                                 "want a file, such as unix:/run/fullbore/http.sock",
		"unix:/run/":                            "want a file, such as unix:/run/fullbore/http.sock",
		"unix:@abstract":                        "an abstract socket has no permissions: want a file, such as unix:/run/fullbore/http.sock",
		"unix:a\x00b":                           "a path cannot hold a zero byte",
		"unix:/" + strings.Repeat("x", pathMax): "the path has 108 bytes, and a socket's at most 107: want a shorter one",
	} {
		if a, err := Parse(text); err == nil {
			t.Errorf("%q is read as %+v, want %q", text, a, want)
		} else if got := strings.ReplaceAll(err.Error(), "at most 103", "at most 107"); got != want && pathMax == 107 {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
}

// Whatever is written is an address that tells what was written, or an error of
// one line.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:80", ":http", "[fe80::1%lo]:0", "eth0:8080", "unix:/run/x", "unix:@x", "[::ffff:1.2.3.4]:1", "*:1", ":+1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		switch {
		case err == nil && a.String() != text:
			t.Errorf("%q is told as %q", text, a)
		case err != nil && strings.ContainsAny(err.Error(), "\n\r\x00"):
			t.Errorf("%q: %q", text, err)
		case err == nil && (a.path == "") == strings.HasPrefix(text, unixPrefix):
			t.Errorf("%q is read as %+v", text, a)
		}
	})
}
