//go:build linux

package e2e

// The test of truth: what Prometheus is told, what the access log says and what
// the clients have seen is the same, to the byte, after whatever clients do.

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"fullbore/bench/load"
)

// Sizes of the files of the mixed run, in bytes.
const (
	smallSize  = 4 << 10
	middleSize = 100 << 10
	largeSize  = 1 << 20
	hugeSize   = 1 << 30
)

// sight is what a client saw of one request. The least and the most that a
// truthful server sent differ only if the kernel would not tell what it held.
type sight struct {
	method, kind string
	status       int
	least, most  int64 // bytes of the response's body
	uploaded     int64 // bytes of the request's body
	aborted      bool
}

// ask is a request of the mix, and how it is to be answered.
type ask struct {
	method, path, fields, body string
	status                     int
	kind                       string
}

// mix is what the clients choose from. The validator is the large file's.
func mix(validator string) []ask {
	return []ask{
		{"GET", "/small", "", "", 200, "file"},
		{"GET", "/small", "", "", 200, "file"},
		{"GET", "/middle", "", "", 200, "file"},
		{"GET", "/large", "", "", 200, "file"},
		{"GET", "/empty", "", "", 200, "file"},
		{"GET", "/large", "Range: bytes=1000-99999\r\n", "", 206, "file"},
		{"GET", "/large", "Range: bytes=0-0\r\n", "", 206, "file"},
		{"GET", "/large", "Range: bytes=5-9,1000-1999,50000-\r\n", "", 206, "file"},
		{"GET", "/huge", "Range: bytes=-70000\r\n", "", 206, "file"},
		{"HEAD", "/huge", "", "", 200, "file"},
		{"GET", "/large", "If-None-Match: " + validator + "\r\n", "", 304, "file"},
		{"GET", "/large", "If-Match: \"other\"\r\n", "", 412, "file"},
		{"GET", "/large", "Range: bytes=9999999-\r\n", "", 416, "file"},
		{"GET", "/", "Accept: text/html\r\n", "", 200, "listing"},
		{"GET", "/", "Accept: application/json\r\nAccept-Encoding: gzip\r\n", "", 200, "listing"},
		{"HEAD", "/", "", "", 200, "listing"},
		{"GET", "/nope", "", "", 404, "other"},
		{"OPTIONS", "/small", "", "", 204, "other"},
		{"POST", "/small", "Content-Length: 5000\r\n", strings.Repeat("x", 5000), 405, "other"},
		{"PUT", "/new", "Content-Length: 70000\r\n", strings.Repeat("y", 70000), 405, "other"},
		{"POST", "/small", "Transfer-Encoding: chunked\r\n", "3e8\r\n" + strings.Repeat("z", 1000) + "\r\n0\r\n\r\n", 405, "other"},
		{"BREW", "/pot", "", "", 501, "other"},
	}
}

// browse makes n requests of the mix, over connections that are kept as long as
// the server keeps them.
func browse(addr string, asks []ask, random *rand.Rand, n int) (sights []sight, err error) {
	var conn net.Conn
	var r *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for range n {
		a := asks[random.IntN(len(asks))]
		if conn == nil {
			if conn, err = net.Dial("tcp", addr); err != nil {
				return sights, err
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			r = bufio.NewReader(conn)
		}
		if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: test\r\n%s\r\n%s", a.method, a.path, a.fields, a.body); err != nil {
			return sights, fmt.Errorf("%+v: %w", a, err)
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: a.method})
		if err != nil {
			return sights, fmt.Errorf("%+v: %w", a, err)
		}
		received, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != a.status {
			return sights, fmt.Errorf("%+v: %s, %d bytes, %w", a, resp.Status, received, err)
		}
		s := sight{method: a.method, kind: a.kind, status: a.status, least: received, most: received}
		if resp.Close { // of a body whose end the server does not wait for it tells what it read
			conn.Close()
			conn = nil
		} else {
			s.uploaded = int64(len(a.body))
		}
		if a.method == "BREW" {
			s.method = "other"
		}
		sights = append(sights, s)
	}
	return sights, nil
}

// babble sends what is no HTTP.
func babble(addr string) (sight, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return sight{}, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "this is no HTTP\r\n\r\n"); err != nil {
		return sight{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return sight{}, err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	return sight{method: "other", kind: "other", status: resp.StatusCode, least: n, most: n}, err
}

// cutShort makes downloads that end in a reset in the middle. Before it, the
// client stops reading and waits until nothing moves; then both kernels tell
// what they hold of the bytes that the server has sent.
func cutShort(t *testing.T, s *server, n, clients int) (sights []sight) {
	target, err := url.Parse(s.url("/huge"))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 3))
	requests := make([]load.Request, n)
	for i := range requests {
		requests[i] = load.Request{Kind: load.Aborted, Take: random.Int64N(8 << 20)}
	}
	var received atomic.Int64
	for _, r := range load.Run(t.Context(), requests, clients, 1, func() *load.Client {
		return &load.Client{URL: target, Size: hugeSize, PID: s.cmd.Process.Pid, Received: &received}
	}) {
		if r.Err != nil {
			t.Errorf("aborted download: %v", r.Err)
			continue
		}
		least, most := r.Sent()
		sights = append(sights, sight{method: "GET", kind: "file", status: r.Status, least: least, most: most, aborted: true})
	}
	return sights
}

// mixedRun makes the requests, and gives what the clients saw.
func mixedRun(t *testing.T, s *server, requests, aborts, bad int) []sight {
	const clients = 8
	resp, err := http.Head(s.url("/large"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	all := []sight{{method: "HEAD", kind: "file", status: 200}}
	add := func(sights []sight, err error) {
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, sights...)
	}
	var running sync.WaitGroup
	asks := mix(resp.Header.Get("Etag"))
	browsing := requests - aborts - bad - 1
	for i := range clients {
		n := browsing / clients
		if i == 0 {
			n += browsing % clients
		}
		running.Go(func() { add(browse(s.addr, asks, rand.New(rand.NewPCG(uint64(i), 1)), n)) })
	}
	running.Go(func() {
		for range bad {
			one, err := babble(s.addr)
			add([]sight{one}, err)
		}
	})
	running.Go(func() { add(cutShort(t, s, aborts, clients), nil) })
	running.Wait()
	return all
}

func TestClientsLogAndMetricsAgree(t *testing.T) {
	t.Parallel()
	const requests, aborts, bad = 10_000, 100, 100
	dir := t.TempDir()
	for name, size := range map[string]int64{"small": smallSize, "middle": middleSize, "large": largeSize, "huge": hugeSize, "empty": 0} {
		sparse(t, dir, name, size)
		aged(t, dir+"/"+name, time.Hour)
	}
	s := start(t, dir)
	seen := mixedRun(t, s, requests, aborts, bad)
	if t.Failed() {
		t.FailNow()
	}
	waitUntil(t, "all requests are counted", func() bool {
		m := s.scrape()
		return requests == sum(m, "fullbore_requests_total")-sum(m, "fullbore_requests_total", "kind=admin") && m["fullbore_active_transfers"] == 0
	})
	m := s.scrape()
	logged := s.wholeLog()
	if len(seen) != requests || len(logged) != requests {
		t.Fatalf("%d requests were made and %d logged, want %d", len(seen), len(logged), requests)
	}
	checkSums(t, m, logged, seen)
	checkCounts(t, m, logged, seen)
	checkAborted(t, logged, seen)
	checkNetwork(t, m, seen)
}

// checkSums compares bytes.
func checkSums(t *testing.T, m map[string]float64, logged []record, seen []sight) {
	t.Helper()
	var least, most, sent, received, uploaded int64
	for _, r := range logged {
		sent, received = sent+r.Sent, received+r.Received
	}
	bytes := map[string]float64{} // by kind; exact where nothing was aborted
	for _, one := range seen {
		least, most, uploaded = least+one.least, most+one.most, uploaded+one.uploaded
		bytes[one.kind] += float64(one.least)
	}
	measured := sum(m, "fullbore_response_body_bytes_total") - sum(m, "fullbore_response_body_bytes_total", "kind=admin")
	t.Logf("bodies sent: %d by the log, %.0f by the metrics, %d by the clients and their kernels", sent, measured, least)
	if int64(measured) != sent || sent < least || sent > most {
		t.Errorf("bodies sent: %d by the log, %.0f by the metrics, %d to %d by the clients", sent, measured, least, most)
	}
	for _, kind := range []string{"listing", "other"} {
		if got := m["fullbore_response_body_bytes_total kind="+kind]; got != bytes[kind] || got == 0 {
			t.Errorf("the clients got %v bytes of kind %s; the metrics say %v", bytes[kind], kind, got)
		}
	}
	measured = sum(m, "fullbore_request_body_bytes_total") - sum(m, "fullbore_request_body_bytes_total", "kind=admin")
	if int64(measured) != received || received != uploaded || uploaded == 0 {
		t.Errorf("bodies received: %d by the log, %.0f by the metrics, %d by the clients", received, measured, uploaded)
	}
}

// checkCounts compares how often what happened.
func checkCounts(t *testing.T, m map[string]float64, logged []record, seen []sight) {
	t.Helper()
	want, statuses, outcomes := map[string]float64{}, map[int]int{}, map[string]float64{}
	for _, one := range seen {
		want[fmt.Sprintf("fullbore_requests_total code=%dxx kind=%s method=%s", one.status/100, one.kind, one.method)]++
		statuses[one.status]++
		want["fullbore_transfer_duration_seconds kind="+one.kind]++
		want["fullbore_time_to_first_byte_seconds kind="+one.kind]++
	}
	for name, n := range want {
		if m[name] != n {
			t.Errorf("%s is %v; by the clients it is %v", name, m[name], n)
		}
	}
	for _, r := range logged {
		statuses[r.Status]--
		outcomes[r.Outcome]++
	}
	for status, n := range statuses {
		if n != 0 {
			t.Errorf("status %d: the clients saw %d more than are logged", status, n)
		}
	}
	for _, outcome := range []string{"complete", "aborted", "timeout", "source_changed", "error"} {
		got := sum(m, "fullbore_responses_total", "outcome="+outcome) - sum(m, "fullbore_responses_total", "outcome="+outcome, "kind=admin")
		if got != outcomes[outcome] {
			t.Errorf("outcome %s: %v by the metrics, %v by the log", outcome, got, outcomes[outcome])
		}
	}
	for name, value := range map[string]float64{
		"fullbore_active_transfers": 0, "fullbore_connections state=active": 0, "fullbore_access_log_lines_dropped_total": 0,
		"fullbore_accept_errors_total": 0, "fullbore_draining": 0,
	} {
		if got, ok := m[name]; !ok || got != value {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, value)
		}
	}
}

// checkAborted finds for each download that was cut its record: the same number
// of bytes, or as many as the kernels may have held.
func checkAborted(t *testing.T, logged []record, seen []sight) {
	t.Helper()
	var records []record
	for _, r := range logged {
		if r.Outcome == "aborted" {
			records = append(records, r)
		}
	}
	inexact := 0
	for _, one := range seen {
		if !one.aborted {
			continue
		}
		if one.least != one.most {
			inexact++
		}
		found := -1
		for i, r := range records {
			if r.Status == one.status && r.Sent >= one.least && r.Sent <= one.most {
				found = i
			}
		}
		if found < 0 {
			t.Errorf("no record of a download that was cut after %d to %d bytes", one.least, one.most)
			continue
		}
		records = append(records[:found], records[found+1:]...)
	}
	if len(records) > 0 {
		t.Errorf("nobody knows of the aborted downloads %+v", records)
	}
	if inexact > 0 {
		t.Logf("of %d aborted downloads the kernels would not tell to the byte", inexact)
	}
}

// checkNetwork wants what crossed the connections to be the bodies and no more
// than headers besides.
func checkNetwork(t *testing.T, m map[string]float64, seen []sight) {
	t.Helper()
	bodies := sum(m, "fullbore_response_body_bytes_total") - sum(m, "fullbore_response_body_bytes_total", "kind=admin")
	if over := (m["fullbore_network_sent_bytes_total"] - bodies) / float64(len(seen)); over < 50 || over > 1000 {
		t.Errorf("%.0f bytes of header a response", over)
	}
	bodies = sum(m, "fullbore_request_body_bytes_total") - sum(m, "fullbore_request_body_bytes_total", "kind=admin")
	if over := (m["fullbore_network_received_bytes_total"] - bodies) / float64(len(seen)); over < 17 || over > 1000 {
		t.Errorf("%.0f bytes of header a request", over)
	}
	if n := m["fullbore_connections_accepted_total"]; n < 200 || n > float64(len(seen)) {
		t.Errorf("%v connections were accepted", n)
	}
}

// What the real program exposes is what docs/metrics.md has, and nothing else.
func TestMetricsOfTheServerAreDocumented(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	s := start(t, dir)
	s.fetch("/file", 1)
	s.records(1)
	var families map[string]*dto.MetricFamily
	waitUntil(t, "the request is counted", func() bool {
		families = s.families()
		return families["fullbore_requests_total"] != nil
	})
	document := read(t, "docs/metrics.md")
	for name, family := range families {
		if strings.HasPrefix(name, "fullbore_") && !strings.Contains(document, fmt.Sprintf("| `%s` | %s |", name, strings.ToLower(family.GetType().String()))) {
			t.Errorf("docs/metrics.md does not have the %s %s", family.GetType(), name)
		}
	}
	for line := range strings.Lines(document) {
		if name, ok := strings.CutPrefix(line, "| `fullbore_"); ok {
			name, _, _ = strings.Cut(name, "`")
			if families["fullbore_"+name] == nil {
				t.Errorf("docs/metrics.md has fullbore_%s; the server does not", name)
			}
		}
	}
	for _, name := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "process_resident_memory_bytes", "process_open_fds"} {
		if families[name] == nil {
			t.Errorf("the server does not have %s", name)
		}
	}
}
