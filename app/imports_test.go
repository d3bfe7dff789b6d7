package app_test

import (
	"os/exec"
	"strings"
	"testing"
)

// mayImport is the plan of the house, and who may know whom: packages of this
// module by name, or all below a name that ends in a slash. What is below a
// name here that ends in a slash may import the same.
var mayImport = map[string][]string{
	".":       {"app/cli"},
	"app/cli": {"app", "app/admin", "app/config"},
	"app":     {"app/", "logger", "static", "static/dav", "static/listing", "static/source"},

	"app/admin":    {"app/drain", "app/health", "app/limit", "app/listen", "app/transfer", "app/wire", "static/reply"},
	"app/client":   {"app/head", "app/wire"},
	"app/config":   {"app/client", "app/deadline", "app/limit", "app/listen", "app/watch", "logger", "static"},
	"app/deadline": {},
	"app/drain":    {"app/systemd", "app/transfer", "logger"},
	"app/engine":   {"app/deadline", "app/head", "app/wire"},
	"app/event":    {"app/config", "logger"},
	"app/guard":    {"app/wire"},
	"app/head":     {"app/deadline"},
	"app/health":   {"app/sliding"},
	"app/limit":    {"app/client", "app/deadline", "app/watch", "app/wire", "logger", "static/listing", "static/reply"},
	"app/listen":   {"app/wire"},
	"app/metrics":  {"app/health", "app/limit", "app/transfer", "logger", "static/accept"},
	"app/pace":     {"app/client"},
	"app/sliding":  {},
	"app/storage":  {"static/source"},
	"app/systemd":  {"app/wire"},
	"app/transfer": {"app/wire", "logger"},
	"app/watch":    {"app/sliding"},
	"app/wire":     {"app/deadline"},

	// Usable in any Fiber app, without the rest.
	"logger":  {},
	"static":  {"static/"},
	"static/": {"static/"},

	// They work with any server, through what it does and not what it is.
	"bench":  {"bench/"},
	"bench/": {"bench/"},
	"e2e":    {},
}

// mustNotImport are modules that a package knows nothing of, by prefix.
var mustNotImport = map[string][]string{
	"app/wire":    {"github.com/gofiber/", "github.com/valyala/fasthttp"},
	"app/engine":  {"github.com/gofiber/"},
	"app/systemd": {"github.com/gofiber/", "github.com/valyala/fasthttp"},
	"app/watch":   {"github.com/gofiber/", "github.com/valyala/fasthttp"},
	"app/head":    {"github.com/gofiber/", "github.com/valyala/fasthttp"},
	"app/health":  {"github.com/gofiber/", "github.com/valyala/fasthttp"},
	"app/event":   {"github.com/gofiber/", "github.com/valyala/fasthttp"},
}

// Imports point one way.
func TestImportsPointOneWay(t *testing.T) {
	list := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name, _ := inModule(fields[0])
		allowed, known := mayImport[name]
		if parent, _, below := strings.Cut(name, "/"); !known && below {
			allowed, known = mayImport[parent+"/"]
		}
		if !known {
			t.Errorf("%s is a new package: say here what it may import", name)
		}
		for _, path := range fields[1:] {
			if imported, ours := inModule(path); ours && !allows(allowed, imported) {
				t.Errorf("%s imports %s", name, imported)
			}
			for _, prefix := range mustNotImport[name] {
				if strings.HasPrefix(path, prefix) {
					t.Errorf("%s imports %s", name, path)
				}
			}
		}
	}
}

// inModule is the name of a package within this module, "." for its root.
func inModule(path string) (name string, ours bool) {
	const module = "fullbore"
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// allows reports whether a package is in the list, or below an entry that ends
// in a slash, but never the command line.
func allows(list []string, name string) bool {
	for _, allowed := range list {
		if name == allowed || (strings.HasSuffix(allowed, "/") && strings.HasPrefix(name, allowed) && name != "app/cli") {
			return true
		}
	}
	return false
}
