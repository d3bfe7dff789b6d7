package static

// Paths: what a request's target becomes, and that it never becomes a file
// outside of the root, or one that is hidden.

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// nastyNames would end an attribute, a URL, a line or a page that trusts them.
var nastyNames = []string{
	"a b", "a#b", "a?b", "a%b", "a%20b", "%2e%2e", `a"b`, "a'b", "a&b", "a;b", "a:b", "javascript:alert(1)",
	"<img src=x onerror=alert(1)>", "new\nline", "cr\rlf\n", "tab\t", "esc\x1b[31m", "bell\a", "del\x7f",
	"line\u2028separator", "right\u202eleft", "\ufeffmark", "e\u0301", "\u00e9", "\xff\xfe", "\xc3",
	strings.Repeat("n", 255), strings.Repeat("\u00e9", 127), "...", "..a", "a..", "-", "~", "{{.}}", "a\\b", "..\\secret", " ", "con", "a.",
}

// escaped is a name with each of its bytes escaped.
func escaped(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// outside makes a folder to serve, beside a secret that must not be reached.
func outside(t testing.TB) (root string) {
	dir := t.TempDir()
	write(t, dir, "secret", "SECRET")
	write(t, dir, "root_evil/secret", "SECRET")
	root = filepath.Join(dir, "root")
	write(t, root, "f", "inside")
	write(t, root, "sub/g", "inside")
	write(t, root, ".hidden/f", "HIDDEN")
	for name, target := range map[string]string{
		"out": "../secret", "outdir": "..", "abs": filepath.Join(dir, "secret"), "beside": "../root_evil",
		"absinside": filepath.Join(root, "f"), "around": "../root/f", "loop": "loop", "ping": "pong", "pong": "ping", "broken": "nope",
		"proc": "/proc/self/root" + dir, "null": "/dev/null", "up": "sub/../../secret", "sub/up": "../../secret", "sub/updir": "../..",
		"in": "f", "indir": "sub", "sub/back": "../f", "sub/backdir": "..", "chain": "indir/back", "deep": "sub/backdir/indir/g",
		"absdir": filepath.Join(root, "sub"), "absroot": root, "sub/absback": filepath.Join(root, "f"), "abschain": filepath.Join(root, "absdir/back"), "relabs": "absdir/absback",
		"absdots": filepath.Join(root, "sub") + "/../f", "absslashes": "/" + strings.ReplaceAll(root, "/", "//./") + "//f", "absaround": root + "/../root/f", "absevil": root + "_evil/secret",
		"absevildir": root + "_evil", "absup": root + "/../secret", "absouts": filepath.Join(root, "out"), "absoutdir": filepath.Join(root, "outdir", "secret"), "absloop": filepath.Join(root, "absloop"),
		"absbroken": filepath.Join(root, "nope"), "abshiddenout": filepath.Join(root, ".hidden/out"), "absparent": dir, "absforeign": filepath.Join(dir, "root_evil") + "/../secret", "absfdots": root + "/f/../../secret",
		"absfile": filepath.Join(root, "f") + "/x", "absproc": "/proc/self/cwd", "absdev": "/dev/zero", "sub/aroundfar": "../../root/sub/../sub/back",
		".hidden/in": "../f", ".hidden/out": "../../secret", "tohidden": ".hidden/f",
	} {
		link(t, root, name, target)
	}
	return root
}

// outsideTargets are targets that must not be answered with a file.
var outsideTargets = []string{
	// By dots, in each spelling that somebody has taken for them.
	"/../secret", "/../../../../../../../../etc/passwd", "/%2e%2e/secret", "/%2E%2e/secret", "/%2e%2e%2fsecret", "/..%2fsecret",
	"/..%2Fsecret", "/.%2e/secret", "/%2e./secret", "/%252e%252e/secret", "/%252e%252e%252fsecret", "/..;/secret", "/..%00/secret",
	"/..%5csecret", "/..%5c..%5csecret", "/..\\secret", "/%%32%65/secret", "/%u002e%u002e/secret", "/%c0%ae%c0%ae/secret", "/%e0%80%ae%e0%80%ae/secret",
	"/..%c0%afsecret", "/..%ef%bc%8fsecret", "/%ef%bc%8e%ef%bc%8e/secret", "/....//secret", "/..././secret", "/.../secret", "/..%20/secret", "/%20../secret", "/..%09/secret",
	"/sub/../../secret", "/sub/%2e%2e/%2e%2e/secret", "/sub/..%2f..%2fsecret", "/f/../../secret", "/nope/../../secret",
	"//secret", "//../secret", "/./../secret", "/.//../secret", "/../root_evil/secret", "/..", "/../", "/%2e%2e", "/sub/../..", "/../root_evil/",
	"/../root/../secret", "file:///etc/passwd", "http://test/../secret", "http://evil.example/%2e%2e/secret",
	// By links.
	"/out", "/abs", "/up", "/outdir/secret", "/outdir/", "/outdir/root_evil/secret", "/beside/secret", "/sub/up", "/sub/updir/secret", "/indir/up",
	"/indir/../../secret", "/proc/secret", "/proc/", "/null", "/loop", "/loop/x", "/ping", "/broken", "/.hidden/out",
	"/absevil", "/absevildir/secret", "/absup", "/absouts", "/absoutdir", "/absloop", "/absbroken", "/abshiddenout", "/absparent/secret", "/absparent/", "/absforeign", "/absfdots", "/absfile",
	"/absproc", "/absdev", "/absroot/out", "/absdir/up", "/absdir/updir/secret", "/absroot/absroot/absevil", "/absinside/", "/absinside/x", "/absroot/.hidden/f",
	// No file, or not so.
	"/f%00", "/%00", "/f%00.txt", "/secret%00", "/%00/f", "/sub%00/g", "/f/", "/f//", "/f/.", "/f/..%2f..%2fsecret", "/f/x", "/%66/", "/in/", "/nope", "/%ff", "/admi%0a", "/f%0a", "/f%20", "/f.", "/f::$DATA", "/F",
	"/f%", "/f%6", "/f%zz", "/" + strings.Repeat("a", 256), "/" + strings.Repeat("a", 3000), "/" + strings.Repeat("a/", 1200), "/" + strings.Repeat("sub/backdir/", 100) + "out",
	// Hidden.
	"/.hidden/", "/.hidden", "/.hidden/f", "/%2ehidden/f", "/.hidden/in", "/./.hidden/f", "//.hidden/f", "/sub/backdir/.hidden/f", "/.hidden/../.hidden/f", "/.hidden%2ff", "/nope/../.hidden/f",
}

// insideTargets are targets that are answered with a file.
var insideTargets = []string{
	"/f", "/./f", "//f", "/.//f", "/sub/../f", "/nope/../f", "/../f", "/%2e%2e/f", "/%66", "/in", "/sub%2fg", "/sub%2Fg", "/indir/g", "/sub//g", "/sub/./g",
	"/sub/back", "/indir/back", "/sub/backdir/f", "/chain", "/deep", "/indir/backdir/indir/g", "/.hidden/../f",
	"/absinside", "/around", "/absdir/g", "/absdir/back", "/absroot/f", "/absroot/absdir/backdir/absroot/in", "/sub/absback", "/absdir/absback", "/abschain", "/relabs",
	"/absdots", "/absslashes", "/absaround", "/sub/aroundfar", "/absdir/aroundfar",
	"/f?x", "/f?/../../secret", "/f?download=0", "http://test/f", "http://evil.example/f",
}

func TestNoPathLeavesTheRoot(t *testing.T) {
	checkPaths(t, serve(t, "/", outside(t)))
}

// checkPaths asks for the table of paths.
func checkPaths(t *testing.T, addr string) {
	t.Helper()
	for _, target := range outsideTargets {
		for _, method := range []string{"GET", "HEAD"} {
			got := ask(t, addr, method, target)
			if strings.Contains(got.body, "SECRET") || strings.Contains(got.body, "HIDDEN") || strings.Contains(got.body, "root:") {
				t.Errorf("%s leaks %q", target, got.body)
			}
			want := 404
			if slices.Contains([]string{"/..", "/../", "/%2e%2e", "/sub/../.."}, target) {
				want = 403 // the root itself, which has no index file
			}
			if got.StatusCode != want {
				t.Errorf("%s %.60s: status %d %.60q, want %d", method, target, got.StatusCode, got.body, want)
			}
		}
	}
	for _, target := range insideTargets {
		if got := ask(t, addr, "GET", target); got.StatusCode != 200 || got.body != "inside" {
			t.Errorf("%s: %d %q, want the file", target, got.StatusCode, got.body)
		}
	}
	// A link is a name that somebody gave on purpose, also to what is hidden.
	if got := ask(t, addr, "GET", "/tohidden"); got.StatusCode != 200 || got.body != "HIDDEN" {
		t.Errorf("/tohidden: %d %q", got.StatusCode, got.body)
	}
}

func TestOutsideLinks(t *testing.T) {
	addr := serve(t, "/", outside(t), Config{OutsideLinks: true})
	for target, want := range map[string]string{
		"/out": "SECRET", "/abs": "SECRET", "/outdir/secret": "SECRET", "/outdir/root/f": "inside", "/beside/secret": "SECRET", "/sub/up": "SECRET",
		"/absinside": "inside", "/around": "inside", "/f": "inside", "/in": "inside", "/sub/back": "inside",
	} {
		if got := ask(t, addr, "GET", target); got.StatusCode != 200 || got.body != want {
			t.Errorf("%s: %d %q, want %q", target, got.StatusCode, got.body, want)
		}
	}
	// Links are followed; dots still lead nowhere, and what is hidden still is.
	for _, target := range []string{
		"/../secret", "/%2e%2e%2fsecret", "/sub/../../secret", "/outdir/../../secret", "/loop", "/broken", "/null", "/.hidden/f", "/.hidden/out", "/outdir/root/.hidden/f",
	} {
		if got := ask(t, addr, "GET", target); got.StatusCode != 404 {
			t.Errorf("%s: %d %q, want 404", target, got.StatusCode, got.body)
		}
	}
}

func TestEveryNameCanBeDownloaded(t *testing.T) {
	dir := t.TempDir()
	for i, name := range nastyNames {
		write(t, dir, "folder/"+name, fmt.Sprintf("content %d", i))
		write(t, dir, "folders/"+name+"/f", fmt.Sprintf("below %d", i))
	}
	addr := serve(t, "/", dir, Config{Hidden: true})
	for i, name := range nastyNames {
		if got := ask(t, addr, "GET", "/folder/"+escaped(name)); got.StatusCode != 200 || got.body != fmt.Sprintf("content %d", i) {
			t.Errorf("%q: %d %q", name, got.StatusCode, got.body)
		}
		if got := ask(t, addr, "GET", "/folders/"+escaped(name)+"/f"); got.StatusCode != 200 || got.body != fmt.Sprintf("below %d", i) {
			t.Errorf("a file below %q: %d %q", name, got.StatusCode, got.body)
		}
	}
}

func TestHiddenNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".env", ".git/config", "sub/.secret", ".well-known/x", ".well-known/.x", "sub/.well-known/x", ".well-known.bak", "shown", "..shown"} {
		write(t, dir, name, "content")
	}
	closed, open := serve(t, "/", dir), serve(t, "/", dir, Config{Hidden: true})
	for target, want := range map[string]int{
		"/.env": 404, "/%2eenv": 404, "/.git/": 404, "/.git": 404, "/.git/config": 404, "/sub/.secret": 404, "/sub/.well-known/x": 404,
		"/.well-known/.x": 404, "/.well-known.bak": 404, "/..shown": 404, "/.well-known/x": 200, "/shown": 200,
	} {
		if got := ask(t, closed, "GET", target); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, got.StatusCode, want)
		}
		if got := ask(t, open, "GET", target); strings.HasSuffix(target, "/") || target == "/.git" {
			continue
		} else if got.StatusCode != 200 {
			t.Errorf("%s with Hidden: %d", target, got.StatusCode)
		}
	}
}

// Redirects go to a name beside or below, whatever the name is: never to a
// host, a scheme, or a second header line.
func TestRedirects(t *testing.T) {
	dir := t.TempDir()
	for _, name := range append(nastyNames, "a b#?", "x\r\nSet-Cookie: a=b", "evil.example", "deep/dir") {
		if name != " " {
			write(t, dir, name+"/f", "x")
		}
	}
	addr := serve(t, "/", dir, Config{Hidden: true})
	for _, test := range []struct{ target, location string }{
		{"/a%20b%23%3F?x=1", "./a%20b%23%3F/?x=1"},
		{"/a%20b?x=%0d%0aSet-Cookie:%20a=b", "./a%20b/?x=%0d%0aSet-Cookie:%20a=b"},
		{"/javascript:alert(1)", "./javascript:alert%281%29/"},
		{"/x%0d%0aSet-Cookie:%20a=b", "./x%0D%0ASet-Cookie:%20a=b/"},
		{"//evil.example", "./evil.example/"},
		{"///evil.example", "./evil.example/"},
		{"/%2fevil.example", "./evil.example/"},
		{"/deep%2fdir", "./deep%2Fdir/"},
		{"/%5cevil.example", ""},
		{"//evil.example/..", ""},
		{"//evil.example/%2e%2e", ""},
		{"/evil.example//", ""},
		{"/", ""},
	} {
		got := ask(t, addr, "GET", test.target)
		if location := got.Header.Get("Location"); location != test.location || (got.StatusCode == 302) != (location != "") {
			t.Errorf("%s: %d to %q, want %q", test.target, got.StatusCode, location, test.location)
		}
		if got.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s sets a cookie", test.target)
		}
	}
	for _, name := range nastyNames {
		if name == " " {
			continue
		}
		got := ask(t, addr, "GET", "/"+escaped(name))
		target, err := got.Location()
		if err != nil || got.StatusCode != 302 {
			t.Errorf("%q: %d, %v", name, got.StatusCode, err)
			continue
		}
		if there := ask(t, addr, "GET", "/"+target.EscapedPath()+"f"); there.body != "x" {
			t.Errorf("%q: redirected to %s, where there is %d %q", name, target, there.StatusCode, there.body)
		}
	}
}

// handled is what an app answers to a target, without a socket.
func handled(handle fasthttp.RequestHandler, target string) (status int, body string, ctx *fasthttp.RequestCtx) {
	ctx = &fasthttp.RequestCtx{}
	ctx.Request.SetRequestURI(target)
	ctx.Request.Header.SetHost("test")
	handle(ctx)
	if stream := ctx.Response.BodyStream(); stream != nil {
		b, _ := io.ReadAll(stream)
		_ = ctx.Response.CloseBodyStream()
		return ctx.Response.StatusCode(), string(b), ctx
	}
	return ctx.Response.StatusCode(), string(ctx.Response.Body()), ctx
}

func FuzzPathStaysBelowTheRoot(f *testing.F) {
	for _, seed := range append(append(outsideTargets[:len(outsideTargets):len(outsideTargets)], insideTargets...), "*", "", "?", "#", "http://", "/\\evil.example", "sub?\\", "/sub?\x1b\xff \"<>") {
		f.Add(seed)
	}
	root := outside(f)
	write(f, root, "folder/x", "inside")
	sites := map[string]fasthttp.RequestHandler{}
	for name, config := range map[string]Config{"usual": {}, "everything": {Hidden: true, Browse: true}} {
		h, err := Open(root, config)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { _ = h.Close() })
		app := fiber.New()
		app.Use(h.Handle)
		sites[name] = app.Handler()
	}
	f.Fuzz(func(t *testing.T, target string) {
		for name, handle := range sites {
			status, body, ctx := handled(handle, target)
			if strings.Contains(body, "SECRET") {
				t.Errorf("%s: %q leads out of the root", name, target)
			}
			path := string(ctx.Path())
			if strings.Contains(body, "HIDDEN") && name == "usual" && path != "/tohidden" {
				t.Errorf("%s: %q leads to what is hidden", name, target)
			}
			if status == 200 && name == "usual" && body != "inside" && path != "/tohidden" {
				t.Errorf("%s: %q is answered with %q", name, target, body)
			}
			if status >= 500 {
				t.Errorf("%s: %q is answered with %d %q", name, target, status, body)
			}
			if location := string(ctx.Response.Header.Peek("Location")); status == 302 && !strings.HasPrefix(location, "./") || strings.ContainsFunc(location, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '"' }) {
				t.Errorf("%s: %q is redirected to %q", name, target, location)
			}
		}
	})
}

// What judges a request sees the path that is opened, decoded once.
func TestPathIsDecodedOnce(t *testing.T) {
	app := fiber.New()
	var seen string
	app.Use(func(c *fiber.Ctx) error { seen = strings.Clone(Path(c)); return nil })
	handle := app.Handler()
	for target, want := range map[string]string{
		"/a/b": "/a/b", "/a%2fb": "/a/b", "/a//b": "/a/b", "/a/./b": "/a/b", "/x/../a": "/a", "/%2e%2e/a": "/a",
		"/a%252fb": "/a%2fb", "/a%20b?c": "/a b", "/A/b/": "/A/b/", "/": "/",
	} {
		handled(handle, target)
		if seen != want {
			t.Errorf("%s: %q, want %q", target, seen, want)
		}
	}
}

// The prefix itself is not a folder that relative links could start at.
func TestMountRedirectsToItsSlash(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "f", "x")
	for _, root := range []string{dir, dir + "/f"} {
		addr := serve(t, "/a/mount", root, Config{Browse: true})
		for target, want := range map[string]string{"/a/mount": "./mount/", "/a/mount?x=1": "./mount/?x=1"} {
			if got := ask(t, addr, "GET", target); got.StatusCode != 302 || got.Header.Get("Location") != want {
				t.Errorf("%s: %d to %q, want %q", target, got.StatusCode, got.Header.Get("Location"), want)
			}
		}
		if got := ask(t, addr, "GET", "/a/mount/f"); got.body != "x" {
			t.Errorf("a file: %d %q", got.StatusCode, got.body)
		}
	}
}
