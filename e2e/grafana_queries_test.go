//go:build unix

package e2e

// The dashboards ask for what there is: every query in them, and every selector
// in the rules, is put to a Prometheus that scraped a server with all sorts of
// requests.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// expressions collects each "expr" in JSON, with where it is.
func expressions(value any, where string, found map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		if title, ok := v["title"].(string); ok {
			where += ": " + title
		}
		for key, inner := range v {
			if text, ok := inner.(string); ok && key == "expr" {
				found[text] = where
			} else {
				expressions(inner, where, found)
			}
		}
	case []any:
		for _, inner := range v {
			expressions(inner, where, found)
		}
	}
}

var grafanaVariables = strings.NewReplacer("$__rate_interval", "10s", "$instance", ".*")

// dashboardQueries are all expressions of all dashboards, as Grafana sends them.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	queries := map[string]string{}
	for name, d := range dashboards(t) {
		var whole any
		if err := json.Unmarshal([]byte(contentOf(t, filepath.Join(grafanaFiles, "dashboards", name))), &whole); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		expressions(whole, name, found)
		for _, v := range d.Templating.List {
			if metric, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
				found[strings.Split(metric, ",")[0]] = name + ": variable " + v.Name
			}
		}
		for expression, where := range found {
			expression = grafanaVariables.Replace(expression)
			if strings.Contains(expression, "$") {
				t.Errorf("%s: a variable that the test does not know: %s", where, expression)
			}
			queries[expression] = where
		}
	}
	return queries
}

var selector = regexp.MustCompile(`\b(?:fullbore_|process_|instance:|up\b)[\w:]*(?:\{[^}]*\})?`)

// ruleQueries are the selectors in all rules: an alert has no data while all is
// well, but what it looks at has.
func ruleQueries(t *testing.T, p *prometheus) map[string]string {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Query string }
		}
	}
	if err := p.ask("rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	queries, rules := map[string]string{}, 0
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			rules++
			for _, found := range selector.FindAllString(rule.Query, -1) {
				queries[found] = "rule " + rule.Name
			}
		}
	}
	if rules < 20 {
		t.Errorf("only %d rules", rules)
	}
	return queries
}

func TestEveryQueryHasData(t *testing.T) {
	t.Parallel() // most of it is waiting
	prlimit := needTool(t, "prlimit")
	needTool(t, "prometheus")
	dir := t.TempDir()
	sparse(t, dir, "large.iso", 64<<20)
	sparse(t, dir, "small.iso", 4<<10)
	s := start(t, dir, "--idle-timeout", "1s", "--hot-cache", "0", "--state-dir", t.TempDir()) // no answer without a descriptor
	p := startPrometheus(t, s.admin, nowhere)                                                  // nowhere has an alert for ALERTS
	p.until(`up{instance="`+s.admin+`"}`, func(up float64) bool { return up == 1 })

	queries := dashboardQueries(t)
	for query, where := range ruleQueries(t, p) {
		queries[query] = where
	}
	t.Logf("%d queries", len(queries))
	p.haveData(queries, func(round int) { mixedRound(t, s, prlimit, round) })
	p.rulesWork()
}

// haveData makes traffic until each query has a value that is a number.
func (p *prometheus) haveData(queries map[string]string, traffic func(round int)) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for round := 0; len(queries) > 0 && time.Now().Before(deadline); round++ {
		traffic(round)
		for query, where := range queries {
			found, err := p.query(query)
			if err != nil {
				p.t.Errorf("%s: %s: %v", where, query, err)
			}
			if err != nil || slices.ContainsFunc(found, sample.isNumber) {
				delete(queries, query)
			}
		}
	}
	for query, where := range queries {
		p.t.Errorf("%s: no data: %s", where, query)
	}
}

// rulesWork looks whether each rule was evaluated without an error.
func (p *prometheus) rulesWork() {
	p.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := p.ask("rules", nil, &data); err != nil {
		p.t.Fatal(err)
	}
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			if rule.Health != "ok" {
				p.t.Errorf("rule %s: %s %s", rule.Name, rule.Health, rule.LastError)
			}
		}
	}
}

// mixedRound makes all sorts of requests: each outcome and each class of status
// that a client can bring about.
func mixedRound(t *testing.T, s *server, prlimit string, round int) {
	var requests sync.WaitGroup
	for _, r := range []struct{ method, path, header, body string }{
		{"GET", "/large.iso", "", ""},
		{"GET", "/small.iso", "", ""},
		{"GET", "/small.iso", "bytes=0-99", ""},
		{"GET", "/small.iso", "bytes=50-199", ""},
		{"HEAD", "/small.iso", "", ""},
		{"GET", "/", "", ""},
		{"GET", "/missing", "", ""},
		{"POST", "/small.iso", "", "body"},
	} {
		requests.Go(func() { request(t, s, r.method, r.path, r.header, r.body) })
	}
	requests.Wait()
	if round%4 != 0 {
		return
	}
	abort(t, s)
	if round == 0 { // they end when they time out
		stalled := dial(t, s.addr, 4<<10)
		stalled.send(t, getRequest("/large.iso"))
	}
	exhaust(t, s, prlimit)
}

func request(t *testing.T, s *server, method, path, ranges, body string) {
	r, err := http.NewRequest(method, s.url(path), strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	if ranges != "" {
		r.Header.Set("Range", ranges)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return // it was turned away for want of descriptors
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // likewise
}

// abort goes away in the middle of a download.
func abort(t *testing.T, s *server) {
	c := dial(t, s.addr, 4<<10)
	c.send(t, getRequest("/large.iso"))
	c.header(t)
	c.Close()
}

// exhaust leaves the server without descriptors for a request, whose answer is
// then 5xx.
func exhaust(t *testing.T, s *server, prlimit string) {
	c := dial(t, s.addr, 0)
	c.send(t, getRequest("/small.iso"))
	c.header(t)
	limit := func(n string) {
		if out, err := exec.Command(prlimit, "--pid", fmt.Sprint(s.cmd.Process.Pid), "--nofile="+n).CombinedOutput(); err != nil {
			t.Errorf("prlimit: %v: %s", err, bytes.TrimSpace(out))
		}
	}
	limit("3:")
	c.send(t, getRequest("/small.iso"))
	_, _ = io.CopyN(io.Discard, c.r, 4<<10) // the body of before
	status := c.header(t)
	limit("1024:")
	if !strings.HasPrefix(status, "HTTP/1.1 5") {
		t.Errorf("without descriptors the answer is %q", status)
	}
	c.Close()
}
