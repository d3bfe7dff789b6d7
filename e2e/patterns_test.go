//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTypesCharsetsAndHeadersByPattern(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const (
		hashed    = "/assets/app-0123abcd.js"
		immutable = "public, max-age=31536000, immutable"
		begin     = "listen: 127.0.0.1:0\nadmin: ''\naccess-log: 'off'\npath: "
		rules     = `
types: {"*.box": application/x-box}
charset: {"old/*": iso-8859-1}
headers: {"assets/*-????????.js": {Cache-Control: "public, max-age=31536000, immutable"}}
`
	)
	for _, name := range []string{"a.box", "old/a.txt", hashed, "assets/plain.js"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, name, "some text\n")
		rested := time.Now().Add(-time.Hour) // so that the hot cache keeps what is known of it
		if err := os.Chtimes(name, rested, rested); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, file, begin+dir+rules)
	s := startPlain(t, nil, "--config", file)
	check := func(when, path, status, key, want string, args ...string) {
		t.Helper()
		for range 3 { // from the hot cache, too
			got, h := headers(t, curl(t, dir, append(args, s.url(path))...))
			if !strings.Contains(got, " "+status+" ") || h.Get(key) != want {
				t.Errorf("%s: %s %v: %s, %s: %q; want %s, %q", when, path, args, got, key, h.Get(key), status, want)
			}
		}
	}
	before := func(when string) {
		t.Helper()
		check(when, hashed, "200", "Cache-Control", immutable, "-i")
		check(when, hashed, "200", "Cache-Control", immutable, "-I")
		check(when, hashed, "206", "Cache-Control", immutable, "-i", "-r", "0-3")
		check(when, hashed, "304", "Cache-Control", immutable, "-i", "-H", "If-None-Match: *")
		check(when, hashed, "416", "Cache-Control", "no-cache", "-i", "-r", "100-")
		check(when, "/assets/plain.js", "200", "Cache-Control", "", "-i")
		check(when, "/a.box", "200", "Content-Type", "application/x-box", "-i")
		check(when, "/old/a.txt", "200", "Content-Type", "text/plain; charset=iso-8859-1", "-I")
	}
	before("at start")

	replaceFile(t, file, begin+dir+strings.Replace(rules, "Cache-Control", "Content-Length", 1))
	s.signal(syscall.SIGHUP)
	if e := s.reloads(1)[0]; e.Result != "refused" || !strings.HasPrefix(e.Error, file+`:7: headers: "assets/*-????????.js": Content-Length: cannot be set`) {
		t.Errorf("a reload with a wrong rule: %+v", e)
	}
	before("after a refused reload")

	replaceFile(t, file, begin+dir+"\ntypes: {\"*.box\": text/x-box}\ncharset: {\"*.box\": none}\nheaders: {\"*.js\": {Cache-Control: no-cache}}\n")
	s.signal(syscall.SIGHUP)
	for n := 2; ; n++ { // the watch of the file may have refused it, too
		if e := s.reloads(n)[n-1]; e.Result == "ok" {
			if len(e.Changed) != 3 {
				t.Errorf("changed %q", e.Changed)
			}
			break
		}
	}
	check("after a reload", hashed, "304", "Cache-Control", "no-cache", "-i", "-H", "If-None-Match: *")
	check("after a reload", hashed, "206", "Cache-Control", "no-cache", "-i", "-r", "0-3")
	check("after a reload", "/assets/plain.js", "200", "Cache-Control", "no-cache", "-I")
	check("after a reload", "/a.box", "200", "Content-Type", "text/x-box", "-i")
	check("after a reload", "/old/a.txt", "200", "Content-Type", "text/plain; charset=utf-8", "-i")
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
