//go:build linux

package peers

// This file runs a tiny comparison with every server that is installed. It asks
// whether there are figures, not how good they are.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fullbore/bench/load"
	"fullbore/bench/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scratch is a folder to work in that Apache can enter when root starts it and it
// becomes nobody.
func scratch(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

func twoProcessors(t *testing.T) []int {
	t.Helper()
	if testing.Short() {
		t.Skip("skipping a comparison of real servers")
	}
	cpus, err := process.Affinity()
	if err != nil {
		t.Fatal(err)
	}
	if len(cpus) < 2 {
		t.Skip("two processors are needed")
	}
	return cpus
}

func TestComparisonOfRealServers(t *testing.T) {
	before := twoProcessors(t)
	folder, reports := scratch(t), t.TempDir()
	report := func(name string) string { return filepath.Join(reports, name) }
	var out, progress bytes.Buffer
	command := Command()
	command.SetOut(&out)
	command.SetErr(&progress)
	command.SetArgs([]string{
		"--quick", "--rounds", "1", "--for", "30ms", "--small", "4KiB,1MiB", "--scratch", folder,
		"--json", report("peers.json"), "--markdown", report("peers.md"), "--plot", report("peers.png"), "--plot", report("peers.svg"),
	})
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	result := readResult(t, report("peers.json"))
	checkFigures(t, result)
	if t.Failed() {
		t.Logf("progress:\n%s", progress.String())
	}
	if text := read(t, report("peers.md")); text != out.String() {
		t.Error("the Markdown file is not what was printed")
	}
	checkMarkdown(t, out.String(), result)
	checkPictures(t, report("peers.png"), report("peers.svg"), result)

	if after, err := process.Affinity(); err != nil || len(after) != len(before) {
		t.Errorf("this process may use %v afterwards, %v before: %v", after, before, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	self, err := process.Attach(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if memory, err := process.NewTree(self).Memory(); err != nil || memory.Processes != 1 {
		t.Errorf("%d processes run where only this one should: %v", memory.Processes, err)
	}
}

// checkFigures wants every metric of every server in every workload, but for TLS,
// and for listings of the bare loop.
func checkFigures(t *testing.T, result *Result) {
	t.Helper()
	if want := len(workloads(result.Config)); len(result.Comparisons) != want {
		t.Errorf("%d comparisons, want %d", len(result.Comparisons), want)
	}
	if len(result.Peers)+len(result.LeftOut) != len(all) || len(result.Peers) < 3 {
		t.Errorf("peers %+v and without %v are not all there are", result.Peers, result.LeftOut)
	}
	for _, peer := range result.Peers {
		if peer.Version == "" || strings.HasPrefix(peer.Version, "unknown: ") {
			t.Errorf("%s has version %q", peer.Name, peer.Version)
		}
	}
	for _, comparison := range result.Comparisons {
		if comparison.Workload == "cold" && comparison.Problem != "" {
			continue // not every file system lets go of its pages
		}
		for _, series := range comparison.Peers {
			name := comparison.Title + ", " + series.Peer
			if series.LeftOut != "" && (comparison.Workload == "tls" || series.Peer == bare && comparison.Workload == "listing") {
				continue
			}
			if comparison.Problem != "" || series.Problem != "" || series.LeftOut != "" || len(series.Rounds) != 1 {
				t.Errorf("%s: %d rounds, problem %q %q, left out %q", name, len(series.Rounds), comparison.Problem, series.Problem, series.LeftOut)
				continue
			}
			for _, metric := range comparison.Metrics {
				summary, ok := series.Summary[metric.Name]
				// Another test's server of the same kind, which shares pages, lowers the PSS.
				least := 0.0
				if metric.Name == "pss_per_connection" {
					least = math.Inf(-1)
				}
				if !ok || summary.Median < least || summary.Low > summary.Median || summary.High < summary.Median {
					t.Errorf("%s: %s is %+v", name, metric.Name, summary)
				}
			}
			if comparison.Workload == "tls" && !strings.HasPrefix(series.Detail, "TLS 1.3 ") {
				t.Errorf("%s: %q is not TLS 1.3", name, series.Detail)
			}
		}
	}
}

// checkMarkdown wants all rows of a table to be as long as its header, and every
// server in every table.
func checkMarkdown(t *testing.T, text string, result *Result) {
	t.Helper()
	cells, tables := 0, 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		got := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if cells == 0 {
			cells = got
			tables++
		}
		if got != cells {
			t.Errorf("%d cells where the header has %d: %s", got, cells, line)
		}
	}
	if want := 1 + len(result.Comparisons); tables < want-1 {
		t.Errorf("%d tables, want %d", tables, want)
	}
	for _, peer := range result.Peers {
		if got := strings.Count(text, peer.Name); got < tables {
			t.Errorf("%s is mentioned %d times in %d tables", peer.Name, got, tables)
		}
	}
	if strings.Contains(text, "%!") {
		t.Errorf("a format went wrong:\n%s", text)
	}
}

func checkPictures(t *testing.T, bitmap, vector string, result *Result) {
	t.Helper()
	picture, err := png.Decode(strings.NewReader(read(t, bitmap)))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			r, g, b, _ := picture.At(x, y).RGBA()
			wr, wg, wb, _ := oursColor.RGBA()
			found = found || r == wr && g == wg && b == wb
		}
	}
	if !found {
		t.Error("the bar of fullbore is not in the picture")
	}
	drawing := read(t, vector)
	for _, peer := range result.Peers {
		if !strings.HasPrefix(drawing, "<?xml") || !strings.Contains(drawing, peer.Name) {
			t.Errorf("%s is not in the drawing", peer.Name)
		}
	}
}

func TestInterruptedComparisonReportsWhatItHas(t *testing.T) {
	twoProcessors(t)
	ctx, cancel := context.WithCancel(t.Context())
	folder := scratch(t)
	config := Config{
		Peers: []string{"nethttp"}, Workloads: []string{"small", "slow"}, Rounds: 1000, Size: 1 << 20, Parallel: 1, Range: 1,
		For: time.Millisecond, Small: []int64{1}, SmallAtOnce: 1, Slow: 1, SlowRounds: 1, Idle: 1, Entries: 1, ListingRounds: 1,
		TLSSize: 1, ColdSize: 1, Scratch: folder, JSON: filepath.Join(t.TempDir(), "peers.json"),
	}
	var out bytes.Buffer
	// After the third round.
	err := Run(ctx, config, &out, writerFunc(func(text []byte) {
		if bytes.Contains(text, []byte(" 3/1000 ")) {
			cancel()
		}
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	result := readResult(t, config.JSON)
	if !result.Interrupted || len(result.Comparisons) != 1 || len(result.Comparisons[0].Peers[0].Rounds) != 3 {
		t.Errorf("%+v is not three rounds of an interrupted comparison", result)
	}
	if !strings.Contains(out.String(), "**Interrupted") || !strings.Contains(out.String(), "| net/http | ") {
		t.Errorf("the report does not say so, or has no figures:\n%s", out.String())
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The same binary twice, once with a flag: each under its own name, the first one
// being whom the others are compared with.
func TestBuildsOfFullboreAreComparedByTheirNames(t *testing.T) {
	twoProcessors(t)
	reports := t.TempDir()
	binary, report := filepath.Join(reports, "fullbore"), filepath.Join(reports, "peers.json")
	if err := process.Build(t.Context(), "fullbore", binary); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	command := Command()
	command.SetOut(&out)
	command.SetErr(&progress)
	command.SetArgs([]string{
		"--quick", "--rounds", "3", "--for", "20ms", "--small", "4KiB", "--workloads", "small,ranges,idle", "--idle", "100", "--scratch", scratch(t),
		"--subjects", "bare,before=" + binary, "--subjects", "after=" + binary + " --max-age 1h", "--json", report,
	})
	if err := command.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	result := readResult(t, report)
	if after := result.Peers[2]; after.Name != "after" || !strings.HasSuffix(after.SetUp, "; --max-age 1h") {
		t.Errorf("%+v is not the build after", after)
	}
	for _, c := range result.Comparisons {
		if !slices.Equal(c.References, []string{"before", bare}) {
			t.Errorf("%s: compared with %v", c.Title, c.References)
		}
		for i, want := range [][]string{{"before"}, {bare}, {"before", bare}} {
			series, metric := c.Peers[i], c.Metrics[0]
			if series.Problem != "" || len(series.Ratios) != len(want) {
				t.Errorf("%s, %s: ratios to %v, want them to %v; problem %q", c.Title, series.Peer, series.Ratios, want, series.Problem)
			}
			for _, reference := range want {
				if r := series.Ratios[reference][metric.Name]; c.Workload != "idle" && (r.Low <= 0 || r.Low > r.Median || r.Median > r.High) {
					t.Errorf("%s, %s: %s to %s is %+v", c.Title, series.Peer, metric.Name, reference, r)
				}
			}
		}
	}
	if text := out.String(); !strings.Contains(text, "× is the ratio to before") || !strings.Contains(text, "CPU per request, µs ↓ / bare loop") {
		t.Errorf("the report does not say whom it compares with:\n%s", text)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// someBench is a comparison of net/http's server with itself, as often as there
// are peers.
func someBench(t *testing.T, peers ...peer) *bench {
	t.Helper()
	cpus := twoProcessors(t)
	b := &bench{
		config: ConfigDefault, serverCPU: cpus[0], clientCPU: cpus[1], progress: writerFunc(func([]byte) {}),
		folder: t.TempDir(), made: map[string]bool{},
	}
	if err := b.furnish(); err != nil {
		t.Fatal(err)
	}
	original := all[slices.IndexFunc(all, func(p peer) bool { return p.name == "nethttp" })]
	program, err := b.programOf(t.Context(), original)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range peers {
		p.name = "peer-" + strconv.Itoa(i)
		p.title = p.name
		if p.command == nil {
			p.command = original.command
		}
		b.peers = append(b.peers, &installed{peer: p, program: program})
	}
	return b
}

// oneRequest is a workload of one request, before which something may happen.
func oneRequest(before func(s *subject, round int)) *workload {
	return &workload{
		name: "one", rounds: 3, metrics: transferMetrics,
		prepare: func(*bench) error { return nil },
		measure: func(ctx context.Context, _ *bench, s *subject, round int) (work, error) {
			before(s, round)
			return s.run(ctx, load.Loop{Connections: 1, Requests: 1, Next: s.same(checkName, checkSize)})
		},
	}
}

func TestServerThatDiesIsMarkedAndTheOthersGoOn(t *testing.T) {
	b := someBench(t, peer{}, peer{}, peer{})
	comparison, err := b.compare(t.Context(), oneRequest(func(s *subject, round int) {
		if s.peer.name == "peer-1" && round == 1 {
			s.server.Stop()
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{3, 1, 3} {
		series := comparison.Peers[i]
		if len(series.Rounds) != want || (series.Problem != "") != (i == 1) {
			t.Errorf("%s has %d rounds, want %d; problem %q", series.Peer, len(series.Rounds), want, series.Problem)
		}
	}
}

func TestServerThatSendsSomethingElseIsNotMeasured(t *testing.T) {
	other := t.TempDir()
	if err := randomFile(filepath.Join(other, checkName), checkSize); err != nil {
		t.Fatal(err)
	}
	b := someBench(t, peer{}, peer{command: func(s site) (process.Command, error) {
		s.Files = other
		return goPeer(s)
	}})
	comparison, err := b.compare(t.Context(), oneRequest(func(*subject, int) {}))
	if err != nil {
		t.Fatal(err)
	}
	if good, bad := comparison.Peers[0], comparison.Peers[1]; len(good.Rounds) != 3 || len(bad.Rounds) != 0 || !strings.Contains(bad.Problem, "SHA-256") {
		t.Errorf("%+v and %+v, want three rounds and a complaint about the bytes", good, bad)
	}
}

func TestServerThatIgnoresRangesIsRefused(t *testing.T) {
	b := &bench{check: make([]byte, checkSize)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.check) }))
	defer server.Close()
	s := &subject{address: server.Listener.Addr().String()}
	if err := s.check(t.Context(), b, false); err == nil || !strings.Contains(err.Error(), "status 200, want 206") {
		t.Errorf("error %v, want one about the status", err)
	}
}

func TestWhatOthersDisturbedIsMeasuredAgain(t *testing.T) {
	for patience, want := range map[time.Duration]int{time.Hour: 3, 0: 1} {
		b := someBench(t, peer{})
		b.patience = patience
		runs := 0
		w := oneRequest(func(*subject, int) {})
		w.rounds = 1
		w.measure = func(context.Context, *bench, *subject, int) (work, error) {
			runs++
			return work{extra: figures{"others": float64(100 - 30*runs)}}, nil // 70, 40, 10
		}
		comparison, err := b.compare(t.Context(), w)
		if err != nil || runs != want || len(comparison.Peers[0].Rounds) != 1 {
			t.Errorf("with %v of patience it ran %d times, want %d; %d rounds, %v", patience, runs, want, len(comparison.Peers[0].Rounds), err)
		}
	}
}

func TestServerThatEndsAtOnceIsTriedOnAnotherPort(t *testing.T) {
	var addresses []string
	b := someBench(t, peer{command: func(s site) (process.Command, error) {
		addresses = append(addresses, s.Address)
		if len(addresses) == 1 { // as if the port had been taken meanwhile
			return process.Command{Args: []string{"-listen", "127.0.0.1:-1"}}, nil
		}
		return goPeer(s)
	}})
	comparison, err := b.compare(t.Context(), oneRequest(func(*subject, int) {}))
	if err != nil || len(addresses) != 2 || addresses[0] == addresses[1] || comparison.Peers[0].Problem != "" {
		t.Errorf("tried %v: %+v, %v", addresses, comparison.Peers[0], err)
	}
}

func TestServerThatNeverStartsSaysWhy(t *testing.T) {
	b := someBench(t, peer{command: func(site) (process.Command, error) {
		return process.Command{Args: []string{"-no-such-flag"}}, nil
	}})
	comparison, err := b.compare(t.Context(), oneRequest(func(*subject, int) {}))
	if err != nil || !strings.Contains(comparison.Peers[0].Problem, "ended before it answered") {
		t.Errorf("%+v, %v", comparison.Peers[0], err)
	}
}

func TestDroppedFileIsNotInThePageCache(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := randomFile(path, 1<<20); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		resident, err := residentPages(file)
		if err != nil {
			t.Fatal(err)
		}
		return resident
	}
	if got, want := count(), 1<<20/os.Getpagesize(); got != want {
		t.Errorf("%d pages of a file just written are in memory, want %d", got, want)
	}
	if err := dropFromCache(path); err != nil {
		if name := fileSystem(path); !slices.Contains([]string{"ext4", "xfs", "btrfs"}, name) {
			t.Skipf("%s may keep its pages: %v", name, err)
		}
		t.Fatal(err)
	}
	if got := count(); got != 0 {
		t.Errorf("%d pages are in memory after they were dropped", got)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readResult(t *testing.T, path string) *Result {
	t.Helper()
	var result Result
	if err := json.Unmarshal([]byte(read(t, path)), &result); err != nil {
		t.Fatal(err)
	}
	return &result
}
