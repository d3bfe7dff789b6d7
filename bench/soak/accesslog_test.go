//go:build linux

package soak

// This file feeds the verification logs that are right, wrong and incomplete.

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fullbore/bench/load"
)

func TestLogLinesComparedWithWhatArrived(t *testing.T) {
	whole := load.Result{Request: load.Request{ID: "r-1", Kind: load.Whole}, Status: 200, Length: 100, Received: 100}
	aborted := load.Result{Request: load.Request{ID: "r-1", Kind: load.Aborted}, Status: 200, Length: 100, Received: 40, InFlight: 20}
	bounded, taken := aborted, aborted
	bounded.Slack = 10
	taken.InFlight = 60 // everything: the server cannot know better
	cases := []struct {
		name   string
		result load.Result
		log    string
		want   string // empty: nothing wrong
	}{
		{"whole", whole, `{"query":"soak=r-1","status":200,"bytes_sent":100,"outcome":"complete"}`, ""},
		{"other query parameters", whole, `{"query":"a=b&soak=r-1","status":200,"bytes_sent":100,"outcome":"complete"}`, ""},
		{"aborted", aborted, `{"query":"soak=r-1","status":200,"bytes_sent":60,"outcome":"aborted"}`, ""},
		{"aborted within the bound", bounded, `{"query":"soak=r-1","status":200,"bytes_sent":70,"outcome":"aborted"}`, ""},
		{"aborted but all taken", taken, `{"query":"soak=r-1","status":200,"bytes_sent":100,"outcome":"complete"}`, ""},
		{"one byte too few", aborted, `{"query":"soak=r-1","status":200,"bytes_sent":59,"outcome":"aborted"}`, "logged 59 bytes, were 60"},
		{"Content-Length logged", aborted, `{"query":"soak=r-1","status":200,"bytes_sent":100,"outcome":"aborted"}`, "logged 100 bytes"},
		{"beyond the bound", bounded, `{"query":"soak=r-1","status":200,"bytes_sent":71,"outcome":"aborted"}`, "were 60 to 70"},
		{"wrong outcome", aborted, `{"query":"soak=r-1","status":200,"bytes_sent":60,"outcome":"complete"}`, `logged outcome "complete", was "aborted"`},
		{"wrong status", whole, `{"query":"soak=r-1","status":206,"bytes_sent":100,"outcome":"complete"}`, "logged status 206, was 200"},
		{"no count", whole, `{"query":"soak=r-1","status":200,"outcome":"complete"}`, "no bytes_sent"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wrong := verifyText(t, c.log+"\n", c.result)
			if c.want == "" && len(wrong) > 0 || c.want != "" && !strings.Contains(strings.Join(wrong, "\n"), c.want) {
				t.Errorf("found %q, want %q", wrong, c.want)
			}
		})
	}
}

func TestMissingAndForeignLines(t *testing.T) {
	const foreign = `{"query":"soak=q-1","status":200,"bytes_sent":1,"outcome":"complete"}
{"query":"","status":200}
not JSON about r-1
{"query":"soak=r-1","status":200,"bytes_sent":100,"outcome":"compl`
	if testing.Short() {
		t.Skip("skipping the wait for a log line that never comes")
	}
	result := load.Result{Request: load.Request{ID: "r-1", Kind: load.Whole}, Status: 200, Length: 100, Received: 100}
	if wrong := verifyText(t, foreign, result); len(wrong) != 1 || !strings.Contains(wrong[0], "0 log lines") {
		t.Errorf("found %q, want a missing line", wrong)
	}
}

func TestFailedDownloadNeedsNoLine(t *testing.T) {
	if wrong := verifyText(t, "", load.Result{Request: load.Request{ID: "r-1"}, Err: errors.New("reset")}); len(wrong) > 0 {
		t.Errorf("found %q, want nothing", wrong)
	}
}

func TestSurplusLinesAreNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := followLog(path, "r")
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	line := `{"query":"soak=r-7","status":200,"bytes_sent":1,"outcome":"complete"}` + "\n"
	if err := os.WriteFile(path, []byte(line+line), 0o644); err != nil {
		t.Fatal(err)
	}
	wrong, err := log.surplus()
	if err != nil || len(wrong) != 1 || !strings.Contains(wrong[0], "r-7: 2 log lines") {
		t.Errorf("found %q, %v", wrong, err)
	}
}

func TestFollowingStartsAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	line := `{"query":"soak=r-7"}` + "\n"
	if err := os.WriteFile(path, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	log, err := followLog(path, "r")
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	if err := log.read(); err != nil || len(log.lines) != 0 {
		t.Errorf("read %v, %v: lines from before the run", log.lines, err)
	}
}

func verifyText(t *testing.T, text string, results ...load.Result) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := followLog(path, "r")
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	wrong, err := log.verify(t.Context(), results)
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}
