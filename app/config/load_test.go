package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// layers are what a test gives a Loader.
type layers struct {
	file string // its content; "" is no file
	env  map[string]string
	args []string
	path string
}

// load evaluates them, with the file named fullbore.yaml in the current folder.
func (l layers) load(t testing.TB) (*Settings, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	loader := Bind(flags)
	if err := flags.Parse(l.args); err != nil {
		t.Fatal(err)
	}
	loader.Path = l.path
	loader.Lookup = func(name string) (string, bool) {
		if name == envName(fileKey) && l.file != "" {
			return "fullbore.yaml", true
		}
		value, ok := l.env[name]
		return value, ok
	}
	if l.file != "" {
		if err := os.WriteFile("fullbore.yaml", []byte(l.file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return loader.Load()
}

func TestLaterLayersWin(t *testing.T) {
	t.Chdir(t.TempDir())
	all := layers{
		file: "listen: :1\nidle-timeout: 1s\nadmin-hosts: [a.b, c.d]\npath: /file\n",
		env:  map[string]string{"FULLBORE_LISTEN": ":2", "FULLBORE_ADMIN_HOSTS": "e.f", "FULLBORE_PATH": "/env"},
		args: []string{"--listen", ":3", "--browse=false"},
		path: "/argument",
	}
	file, env, flags, args := all, all, all, all
	file.env, file.args, file.path = nil, nil, ""
	env.args, env.path = nil, ""
	flags.path = ""
	args.args = nil
	for _, test := range []struct {
		layers
		key, value, source string
	}{
		{layers{}, "listen", "127.0.0.1:8080", "default"},
		{layers{}, "path", "", "default"},
		{file, "listen", ":1", "fullbore.yaml:1"},
		{file, "admin-hosts", "a.b,c.d", "fullbore.yaml:3"},
		{file, "path", "/file", "fullbore.yaml:4"},
		{env, "listen", ":2", "FULLBORE_LISTEN"},
		{env, "idle-timeout", "1s", "fullbore.yaml:2"},
		{env, "admin-hosts", "e.f", "FULLBORE_ADMIN_HOSTS"},
		{env, "path", "/env", "FULLBORE_PATH"},
		{flags, "listen", ":3", "--listen"},
		{flags, "browse", "false", "--browse"},
		{flags, "admin-hosts", "e.f", "FULLBORE_ADMIN_HOSTS"},
		{flags, "path", "/env", "FULLBORE_PATH"},
		{args, "path", "/argument", "PATH"},
		{layers{args: []string{"--admin-hosts", "x.y", "--admin-hosts=z.z"}, env: all.env}, "admin-hosts", "x.y,z.z", "--admin-hosts"},
		{layers{args: []string{"--admin="}, file: "admin: :1\n"}, "admin", "", "--admin"},
	} {
		s, err := test.load(t)
		if err != nil {
			t.Errorf("%+v: %v", test.layers, err)
			continue
		}
		for _, key := range s.Keys() {
			if source := s.Source(key.Name).String(); key.Name == test.key && (key.Value.String() != test.value || source != test.source) {
				t.Errorf("%+v: %s is %q from %s, want %q from %s", test.layers, test.key, key.Value, source, test.value, test.source)
			}
		}
	}
}

func TestWhatIsWrongIsOneLineWithItsPlace(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		layers
		want string
	}{
		{layers{file: "browse: true\n\nidle-timeout: soon\n"}, `fullbore.yaml:3: idle-timeout: "soon": want a duration such as 30s`},
		{layers{file: "idle-timeout: 30\n"}, `fullbore.yaml:1: idle-timeout: "30": want a duration such as 30s`},
		{layers{file: "log-keep: many\n"}, `fullbore.yaml:1: log-keep: "many": want a whole number`},
		{layers{file: "browse: yes\n"}, `fullbore.yaml:1: browse: "yes": want true or false`},
		{layers{file: "download-events: -1\n"}, `fullbore.yaml:1: download-events: "-1": want a size such as 100MiB`},
		{layers{file: "# one\nlistn: :80\n"}, `fullbore.yaml:2: listn: no such key; did you mean listen?`},
		{layers{file: "idle_timeout: 1s\n"}, `fullbore.yaml:1: idle_timeout: no such key; did you mean idle-timeout?`},
		{layers{file: "frobnicate: 1\n"}, `fullbore.yaml:1: frobnicate: no such key; see fullbore config --default`},
		{layers{file: "\"a\\nb\": 1\n"}, `fullbore.yaml:1: "a\nb": no such key; see fullbore config --default`},
		{layers{file: "config: x\n"}, `fullbore.yaml:1: config: names the file itself; give it as --config or FULLBORE_CONFIG`},
		{layers{file: "hidden: true\nbrowse: true\nhidden: false\n"}, `fullbore.yaml:3: hidden: is set in line 1 already`},
		{layers{file: "browse: true\nlisten:\n  port: 80\n"}, `fullbore.yaml:2: listen: has keys of its own: want one value`},
		{layers{file: "listen: {port: 80, host: x}\n"}, `fullbore.yaml:1: listen: has keys of its own: want one value`},
		{layers{file: "admin: [a, b]\n"}, `fullbore.yaml:1: admin: is a list: want one value`},
		{layers{file: "admin-hosts: {a: b}\n"}, `fullbore.yaml:1: admin-hosts: has keys of its own: want one value`},
		{layers{file: "admin-hosts:\n- a\n- [b]\n"}, `fullbore.yaml:3: admin-hosts: is a list: want one value`},
		{layers{file: "admin-hosts:\n- a\n- 'b,c'\n"}, `fullbore.yaml:3: admin-hosts: has a comma in it: want one word for each -`},
		{layers{file: "browse: true\nlisten:\n"}, `fullbore.yaml:2: listen: has no value: give it one, or leave the key out for the default`},
		{layers{file: "listen: ~\n"}, `fullbore.yaml:1: listen: has no value: give it one, or leave the key out for the default`},
		{layers{file: "listen: null\nhidden: true"}, `fullbore.yaml:1: listen: has no value: give it one, or leave the key out for the default`},
		{layers{file: "admin: &a :1\nlisten: *a\n"}, `fullbore.yaml:1: admin: want a plain value, no anchor, alias or tag`},
		{layers{file: "listen: !!str :80\n"}, `fullbore.yaml:1: listen: want a plain value, no anchor, alias or tag`},
		{layers{file: "<<: {listen: x}\n"}, `fullbore.yaml:1: "<<": no such key; see fullbore config --default`},
		{layers{file: "- listen\n"}, `fullbore.yaml:1: want settings such as idle-timeout: 30s`},
		{layers{file: "\nhello\n"}, `fullbore.yaml:2: want settings such as idle-timeout: 30s`},
		{layers{file: "hidden: true\n---\nhidden: false\n"}, `fullbore.yaml:3: a second document: want one`},
		{layers{file: "hidden: true\nlisten: \"x\n"}, `fullbore.yaml:2: not YAML: could not find end character of double-quoted text`},
		{layers{file: "hidden: true\n\tlisten: x\n"}, `fullbore.yaml:2: not YAML: `},
		{layers{file: "hidden: true\nindex: \xff\n"}, `fullbore.yaml:2: not UTF-8`},
		{layers{file: "hidden: true\r\nlog-format: |\r\n  ${ip}\r\n  ${path}\r\n\r\nlistn: x\r\n"}, `fullbore.yaml:6: listn: no such key; did you mean listen?`},
		{layers{file: "index: a\n  b\n  c\nlistn: x\n"}, `fullbore.yaml:4: listn: no such key; did you mean listen?`},
		{layers{file: "hidden: true\nreadme: true\nbrowse: false\n"}, `fullbore.yaml:2: readme: shows a file above a listing, but browse (fullbore.yaml:3) is false, which lists nothing`},
		{layers{file: "readme: true\n", args: []string{"--browse=false"}}, `fullbore.yaml:1: readme: shows a file above a listing, but --browse is false, which lists nothing`},
		{layers{file: "browse: false\n", env: map[string]string{"FULLBORE_README": "true"}}, `FULLBORE_README: shows a file above a listing, but browse (fullbore.yaml:1) is false, which lists nothing`},
		{layers{env: map[string]string{"FULLBORE_BROWSE": "0"}, args: []string{"--readme"}}, `--readme: shows a file above a listing, but FULLBORE_BROWSE is false, which lists nothing`},
		{layers{file: "log-max-size: 1MiB\n"}, `fullbore.yaml:1: log-max-size: rotates a file, but --access-log is "-"`},
		{layers{file: "log-max-age: 7d\naccess-log: \"off\"\n"}, `fullbore.yaml:1: log-max-age: rotates a file, but access-log (fullbore.yaml:2) is "off"`},
		{layers{file: "base-path: files\n"}, `fullbore.yaml:1: base-path: "files": want a path such as /files, of letters, digits and - . _ ~`},
		{layers{file: "base-path: //files\n"}, `fullbore.yaml:1: base-path: "//files": want a path such as /files, of letters, digits and - . _ ~`},
		{layers{file: "base-path: /a/../b\n"}, `fullbore.yaml:1: base-path: "/a/../b": want a path such as /files, of letters, digits and - . _ ~`},
		{layers{file: "base-path: /a b\n"}, `fullbore.yaml:1: base-path: "/a b": want a path such as /files, of letters, digits and - . _ ~`},
		{layers{file: "base-path: /:id*\n"}, `fullbore.yaml:1: base-path: "/:id*": want a path such as /files, of letters, digits and - . _ ~`},
		{layers{file: "listen: 8080\n"}, `fullbore.yaml:1: listen: "8080": want host:port, such as 127.0.0.1:8080 or :8080, or unix:FILE`},
		{layers{file: "idle-timeout: 1ms\n"}, `fullbore.yaml:1: idle-timeout: 1ms: want at least 1s`},
		{layers{file: "event-format: xml\n"}, `fullbore.yaml:1: event-format: "xml": want auto, text or json`},
		{layers{file: "admin-hosts: http://a.b\n"}, `fullbore.yaml:1: admin-hosts: "http://a.b": want names such as fullbore.example.org`},
		{layers{file: "download-expiry: 0\n"}, `fullbore.yaml:1: download-expiry: 0: want more than 0`},
		{layers{file: "watch-every: 1ns\n"}, `fullbore.yaml:1: watch-every: 1ns: want 0, which is off, or at least 10ms`},
		{layers{file: "watch-cooldown: -1s\n"}, `fullbore.yaml:1: watch-cooldown: -1s: want 0 or more`},
		{layers{file: "watch-keep: -1\n"}, `fullbore.yaml:1: watch-keep: -1: want 0 or more`},
		{layers{file: "watch-cpu: -1s\n"}, `fullbore.yaml:1: watch-cpu: -1s: want 0, which is none, to 1m`},
		{layers{file: "watch-cpu: 61s\n"}, `fullbore.yaml:1: watch-cpu: 1m1s: want 0, which is none, to 1m`},
		{layers{file: "listen: 999.1.1.1:99999\n"}, `fullbore.yaml:1: listen: "999.1.1.1:99999": 999.1.1.1 is no IP address`},
		{layers{file: "listen: 1.2.3:80\n"}, `fullbore.yaml:1: listen: "1.2.3:80": 1.2.3 is no IP address`},
		{layers{file: "listen: '[::g]:80'\n"}, `fullbore.yaml:1: listen: "[::g]:80": ::g is no IP address`},
		{layers{file: "listen: a b:80\n"}, `fullbore.yaml:1: listen: "a b:80": "a b" is no host`},
		{layers{file: "admin: :99999\n"}, `fullbore.yaml:1: admin: ":99999": want a port from 0 to 65535`},
		{layers{file: "admin: ':-1'\n"}, `fullbore.yaml:1: admin: ":-1": want a port from 0 to 65535`},
		{layers{file: "admin: :nonsense\n"}, `fullbore.yaml:1: admin: ":nonsense": want a port from 0 to 65535`},
		{layers{file: "types: a/b\n"}, `fullbore.yaml:1: types: want patterns, such as "*.box": application/gzip`},
		{layers{file: "types:\n"}, `fullbore.yaml:1: types: want patterns, such as "*.box": application/gzip`},
		{layers{file: "types:\n  *.box: a/b\n"}, `fullbore.yaml:2: not YAML: value is not allowed in this context`}, // no quotes
		{layers{file: "types:\n  \"*.box\": a/b\n  \"*.deb\": deb\n"}, `fullbore.yaml:3: types: "*.deb": "deb": want a media type such as application/gzip`},
		{layers{file: "types:\n  '*.box': a/b\n  '*.deb': a/b\n  '*.box': a/c\n"}, `fullbore.yaml:4: types: "*.box" is set in line 2 already`},
		{layers{file: "types:\n  '*.box': [a/b]\n"}, `fullbore.yaml:2: types: "*.box": is a list: want one value`},
		{layers{env: map[string]string{"FULLBORE_RATE": "fast"}}, `FULLBORE_RATE="fast": want a size per second such as 10MB`},
		{layers{file: "rates: 5MB\n"}, `fullbore.yaml:1: rates: want patterns, such as "*.iso": {client-rate: 2MB}`},
		{layers{file: "rates:\n  big/: 5MB\n"}, `fullbore.yaml:2: rates: "big/": want rates, such as {client-rate: 2MB}`},
		{layers{file: "rates: {big/: {speed: 5MB}}\n"}, `fullbore.yaml:1: rates: "big/": speed: want rate, client-rate or connection-rate`},
		{layers{file: "rates: {big/: {rate: soon}}\n"}, `fullbore.yaml:1: rates: "big/": rate: "soon": want a size per second such as 10MB`},
		{layers{file: "rates: {a*/: {rate: 1MB}}\n"}, `fullbore.yaml:1: rates: "a*/": want a folder such as archive/, or a pattern such as *.iso or docs/*`},
		{layers{file: "types: {'[a': a/b}\n"}, `fullbore.yaml:1: types: "[a": not a pattern: want a ] for each [, and something behind each \`},
		{layers{file: "charset:\n\n  'docs/**': utf-8\n"}, `fullbore.yaml:3: charset: "docs/**": has a **; want a pattern without a slash, which is for any folder, or one * for each`},
		{layers{file: "charset: {'*': utf 8}\n"}, `fullbore.yaml:1: charset: "*": "utf 8": want a charset such as iso-8859-1, or "none"`},
		{layers{file: "charset: [utf-8]\n"}, `fullbore.yaml:1: charset: want patterns, such as "*.txt": iso-8859-1`},
		{layers{file: "headers: {'*': no-store}\n"}, `fullbore.yaml:1: headers: "*": want header fields, such as {Cache-Control: no-store}`},
		{layers{file: "headers:\n  '*':\n    X: y\n    ETag: y\n"}, `fullbore.yaml:4: headers: "*": ETag: cannot be set, the server derives it from the file or the connection`},
		{layers{file: "headers:\n  '*':\n    X: \"a\\r\\nb\"\n"}, `fullbore.yaml:3: headers: "*": X: "a\r\nb": has a control character in it; want one line`},
		{layers{file: "headers:\n  '*':\n    X: {a: b}\n"}, `fullbore.yaml:3: headers: "*": X: has keys of its own: want one value`},
		{layers{file: "headers:\n  '*':\n    X: y\n    X: z\n"}, `fullbore.yaml:4: headers: "*": "X" is set in line 3 already`},
		{layers{file: "headers: {'*': {'a b': c}}\n"}, `fullbore.yaml:1: headers: "*": "a b": want the name of a header field, such as Cache-Control`},
		{layers{file: "listen: []\n"}, `fullbore.yaml:1: listen: want an address, such as 127.0.0.1:8080`},
		{layers{args: []string{"--listen", ""}}, `--listen: want an address, such as 127.0.0.1:8080`},
		{layers{file: "listen:\n- :80\n- 'unix:'\n"}, `fullbore.yaml:1: listen: "unix:": want a file, such as unix:/run/fullbore/http.sock`},
		{layers{env: map[string]string{"FULLBORE_LISTEN": ":80,nowhere"}}, `FULLBORE_LISTEN: "nowhere": want host:port, such as 127.0.0.1:8080 or :8080, or unix:FILE`},
		{layers{args: []string{"--listen", ":80", "--listen", ":66000"}}, `--listen: ":66000": want a port from 0 to 65535`},
		{layers{file: "socket-mode: rw-rw----\n"}, `fullbore.yaml:1: socket-mode: "rw-rw----": want permissions in octal, such as 660`},
		{layers{file: "socket-mode: 4755\n"}, `fullbore.yaml:1: socket-mode: "4755": want permissions in octal, such as 660`},
		{layers{file: "socket-mode: 680\n"}, `fullbore.yaml:1: socket-mode: "680": want permissions in octal, such as 660`},
		{layers{file: "socket-owner: no-such-user\n"}, `fullbore.yaml:1: socket-owner: "no-such-user": there is no user "no-such-user"`},
		{layers{file: "socket-owner: ':no-such-group'\n"}, `fullbore.yaml:1: socket-owner: ":no-such-group": there is no group "no-such-group"`},
		{layers{file: "socket-owner: 'root:'\n"}, `fullbore.yaml:1: socket-owner: "root:": want USER, USER:GROUP or :GROUP`},
		{layers{file: "watch-webhook: secret@example.org\n"}, `fullbore.yaml:1: watch-webhook: want a URL such as https://alerts.example.org/fullbore`},
		{layers{env: map[string]string{"FULLBORE_IDLE_TIMEOUT": "soon"}}, `FULLBORE_IDLE_TIMEOUT="soon": want a duration such as 30s`},
		{layers{env: map[string]string{"FULLBORE_LISTEN": "x"}}, `FULLBORE_LISTEN: "x": want host:port, such as 127.0.0.1:8080 or :8080, or unix:FILE`},
		{layers{file: strings.Repeat("[", 1<<20)}, `fullbore.yaml:1: more than a file of settings can have`},
		{layers{file: strings.Repeat("listen: x\n", 10_000)}, `fullbore.yaml:3334: more than a file of settings can have`},
		{layers{file: strings.Repeat("#", 1<<20) + "\n"}, `fullbore.yaml: larger than 1 MiB`},
		{layers{args: []string{"--config", "missing.yaml"}}, `missing.yaml: no such file or directory`},
		{layers{args: []string{"--config", "."}}, `.: not a regular file`},
	} {
		_, err := test.load(t)
		if err == nil {
			t.Errorf("%+v: no error, want %q", test.layers, test.want)
		} else if got := err.Error(); !strings.HasPrefix(got, test.want) || (!strings.HasSuffix(test.want, ": ") && got != test.want) || strings.Contains(got, "\n") {
			t.Errorf("%+v:\n got %q\nwant %q", test.layers, got, test.want)
		}
	}
}

func TestWhatIsUnusualAndRight(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct{ file, key, value string }{
		{"# nothing\n", "listen", "127.0.0.1:8080"},
		{"---\n", "listen", "127.0.0.1:8080"},
		{"%YAML 1.2\n---\nlisten: :1\n", "listen", ":1"},
		{"\xef\xbb\xbflisten: :1\r\nhidden: true\r\n", "listen", ":1"},
		{"{listen: \":1\", hidden: true}", "hidden", "true"},
		{"listen: ':1' # there\n...\n", "listen", ":1"},
		{"index: 007\n", "index", "007"}, // no number
		{"index: 1.0\n", "index", "1.0"},
		{"index: on\n", "index", "on"},
		{"index: 'null'\n", "index", "null"},
		{"admin: ''\n", "admin", ""},
		{"log-format: |-\n  ${ip}: ${path}\n", "log-format", "${ip}: ${path}"},
		{"admin-hosts: a.b, c.d\n", "admin-hosts", "a.b,c.d"},
		{"admin-hosts:\n- a.b\n- c.d\n", "admin-hosts", "a.b,c.d"},
		{"admin-hosts: []\n", "admin-hosts", ""},
		{"path: ''\n", "path", ""},
		{"listen: :0\nadmin: :0\n", "admin", ":0"},
		{"listen: 10.0.0.1:80\nadmin: 127.0.0.1:80\n", "admin", "127.0.0.1:80"},
		{"listen: 0.0.0.0:80\nadmin: '[::1]:80'\n", "admin", "[::1]:80"},
		{"listen: :8081\nadmin: ''\n", "listen", ":8081"},
		{"listen: downloads.example.org:80\nadmin: 10.example.org:80\n", "admin", "10.example.org:80"},
		{"listen: '[fe80::1%eth0]:80'\n", "listen", "[fe80::1%eth0]:80"},
		{"listen: [127.0.0.1:80, 'unix:/run/x']\n", "listen", "127.0.0.1:80,unix:/run/x"},
		{"listen:\n- :80\n- eth0:81\n", "listen", ":80,eth0:81"},
		{"listen: ':80, [::1]:81'\n", "listen", ":80,[::1]:81"},
		{"admin: unix:/run/admin\n", "admin", "unix:/run/admin"},
		{"socket-mode: 0600\nsocket-owner: '0:0'\n", "socket-mode", "0600"},
		{"watch-cpu: 60s\n", "watch-cpu", "1m"},
		{"types: {}\n", "types", "{}"},
		{"types:\n  '*.b': a/b\n  \"*.a\": a/c; d=e\n", "types", `{"*.b": a/b, "*.a": "a/c; d=e"}`}, // in their order
		{"charset: {a.txt: UTF-8}\n", "charset", "{a.txt: UTF-8}"},
		{"headers:\n  '*': {A: b, C: d}\n  x:\n    A: \"\"\n", "headers", `{"*": {A: b, C: d}, x: {A: ""}}`},
	} {
		s, err := layers{file: test.file}.load(t)
		if err != nil {
			t.Errorf("%q: %v", test.file, err)
			continue
		}
		for _, key := range s.Keys() {
			if key.Name == test.key && key.Value.String() != test.value {
				t.Errorf("%q: %s is %q, want %q", test.file, key.Name, key.Value, test.value)
			}
		}
	}
}

// One asks no file if it need not.
func TestOneKeyOfABrokenFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("broken.yaml", []byte("\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("good.yaml", []byte("admin: :7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		env  string
		want string // "": an error
	}{
		{nil, "", "127.0.0.1:8081"},
		{[]string{"--config", "good.yaml"}, "", ":7"},
		{[]string{"--config", "broken.yaml", "--admin", ":8"}, "", ":8"},
		{[]string{"--config", "broken.yaml"}, ":9", ":9"},
		{[]string{"--config", "broken.yaml"}, "", ""},
	} {
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		loader := Bind(flags, "admin")
		loader.Lookup = func(name string) (string, bool) { return test.env, name == "FULLBORE_ADMIN" && test.env != "" }
		if err := flags.Parse(test.args); err != nil {
			t.Fatal(err)
		}
		if got, err := loader.One("admin"); got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}

// What is printed loads as what it was printed from.
func TestPrintedSettingsLoadAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, l := range []layers{
		{},
		{args: []string{"--access-log=off", "--log-format", "a: \"${ip}\" # 'x'\\", "--admin-hosts", "a.b,c.d", "--max-age=8d", "--browse=false"}, path: "/srv/ä b\t\u0085\u2028\U0001f600"},
		{file: "types: {'*.b: #': 'a/b;c=\"d\"'}\ncharset: {'ä*': none}\nheaders:\n  '*': {A: '{x}, [\"y\"]', B: ''}\n  '/b\\*': {A: null-}\n"},
		{path: "null"},
		{path: "~"},
		{path: "123"},
		{path: "-"},
		{path: "\x00\x01\x7f"},
		{path: " x "},
	} {
		was, err := l.load(t)
		if err != nil {
			t.Fatal(err)
		}
		again(t, was)
	}
}

// again prints settings and demands that they load as the same.
func again(t *testing.T, was *Settings) {
	t.Helper()
	var out bytes.Buffer
	if err := was.WriteYAML(&out); err != nil {
		t.Error(err)
		return
	}
	is, err := layers{file: out.String()}.load(t)
	if err != nil {
		t.Errorf("%v\n%s", err, out.String())
		return
	}
	for _, change := range Changes(&was.Config, &is.Config) {
		if change.Old != change.New || !strings.Contains(change.New, mask) {
			t.Errorf("printed and loaded again, %q is another:\n%s", change, out.String())
		}
	}
}

func TestFileOfDefaultsIsTheDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	var out bytes.Buffer
	if err := WriteDefault(&out); err != nil {
		t.Fatal(err)
	}
	var used strings.Builder
	for line := range strings.Lines(out.String()) {
		if setting, ok := strings.CutPrefix(line, "#"); ok && setting[0] != ' ' {
			line = setting
		}
		used.WriteString(line)
	}
	for name, file := range map[string]string{"as it is": out.String(), "all of it in use": used.String()} {
		s, err := layers{file: file}.load(t)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, file)
			continue
		}
		defaults := defaultConfig()
		for _, change := range Changes(&defaults, &s.Config) {
			t.Errorf("%s: %s", name, change)
		}
		for _, key := range s.Keys() {
			if fromFile := s.Source(key.Name).line > 0; fromFile != (name != "as it is") {
				t.Errorf("%s: %s is from %s", name, key.Name, s.Source(key.Name))
			}
		}
	}
}

func TestUnknownVariablesAreNamed(t *testing.T) {
	got := UnknownEnv([]string{"FULLBORE_LISTN=x", "FULLBORE_LISTEN=x", "FULLBORE_CONFIG=x", "FULLBORE_PATH=x", "PATH=x", "FULLBORE_FROBNICATE=x", "FULLBOREX=1", "FULLBORE_TYPES={}"})
	want := []string{
		"FULLBORE_FROBNICATE is not a setting; see fullbore config --default",
		"FULLBORE_LISTN is not a setting; did you mean FULLBORE_LISTEN?",
		"FULLBORE_TYPES is not a setting; types is for the file of --config alone",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", got)
	}
}

// Whatever is in the file, it is settings that can be printed and loaded again,
// or an error of one line that names the file.
func FuzzLoad(f *testing.F) {
	f.Chdir(f.TempDir())
	var defaults bytes.Buffer
	if err := WriteDefault(&defaults); err != nil {
		f.Fatal(err)
	}
	f.Add(defaults.String())
	f.Add(strings.ReplaceAll(defaults.String(), "\n#", "\n"))
	for _, seed := range []string{
		"listen: :1\nadmin-hosts: [a.b, c.d]\n", "a:\n- b\n- {c: d}\n", "a: &x 1\nb: *x\n", "? a\n: b\n", "log-format: >-\n  a\n\n  b\n",
		"path: \"\\x41\\u00e9\"\n", "a: 'b\n", "---\na: 1\n---\n", "\xef\xbb\xbfhidden: true\r\n", "<<: *x", "path: !!binary aGk=", "watch-webhook: http://a:b@c\n",
		strings.Repeat("[", 1000), strings.Repeat("a: ", 100), strings.Repeat("- ", 1000), "{a: {b: {c", "%TAG ! x\n---\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		if content == "" {
			return
		}
		s, err := layers{file: content}.load(t)
		if err == nil {
			again(t, s)
		} else if text := err.Error(); strings.ContainsAny(text, "\n\r") || !strings.HasPrefix(text, "fullbore.yaml:") {
			t.Errorf("%q: %q", content, text)
		}
	})
}

// A file is read by name each time, as a reload needs it.
func TestFileIsReadAnew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.yaml")
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	loader := Bind(flags)
	if err := flags.Parse([]string{"--config", name}); err != nil {
		t.Fatal(err)
	}
	loader.DefaultPath = "."
	for i, file := range []string{"path: a\n", "path: b\nidle-timeout: 5s\n", ""} {
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := loader.Load()
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"a", "b", "."}[i]; s.Path != want {
			t.Errorf("%q: path is %q", file, s.Path)
		}
	}
}
