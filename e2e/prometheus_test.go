//go:build unix

package e2e

// A real Prometheus, with the configuration and the rules of deploy/prometheus,
// scrapes a running server. Its intervals are scaled down, so that the half
// hours of a rule are seconds; what the rules compare stays as it is.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	prometheusFiles = "deploy/prometheus"

	// scale divides the durations of the rules: half an hour is 5 seconds.
	scale = 360

	// nowhere is where no server listens.
	nowhere = "127.0.0.1:1"
)

func TestPromtoolAcceptsTheFiles(t *testing.T) {
	promtool := needTool(t, "promtool")
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		{"check", "rules", "recording.yml", "alerts.yml"},
		{"test", "rules", "alerts_test.yml"},
	} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = prometheusFiles
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	promtool := needTool(t, "promtool")
	s := start(t, t.TempDir())
	fetch(t, s.url("/missing"))
	body := fetch(t, "http://"+s.admin+"/metrics")
	if !bytes.Contains(body, []byte("fullbore_requests_total{")) {
		t.Fatalf("no requests in the metrics:\n%s", body)
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// What an alert is for is tested in alerts_test.yml, and told in the README.
func TestEveryAlertIsTestedAndExplained(t *testing.T) {
	rules := contentOf(t, filepath.Join(prometheusFiles, "alerts.yml"))
	tests := contentOf(t, filepath.Join(prometheusFiles, "alerts_test.yml"))
	readme := contentOf(t, filepath.Join(prometheusFiles, "README.md"))
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatchIndex(rules, -1)
	if len(alerts) < 10 {
		t.Fatalf("only %d alerts", len(alerts))
	}
	for i, at := range alerts {
		name, end := rules[at[2]:at[3]], len(rules)
		if i+1 < len(alerts) {
			end = alerts[i+1][0]
		}
		for _, part := range []string{"severity:", "summary:", "description:", "runbook:"} {
			if !strings.Contains(rules[at[0]:end], part) {
				t.Errorf("%s has no %s", name, part)
			}
		}
		if !strings.Contains(tests, `alertname="`+name+`", alertstate="firing"`) {
			t.Errorf("%s does not fire in alerts_test.yml", name)
		}
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("its README.md does not have %s", name)
		}
	}
}

func contentOf(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func fetch(t *testing.T, address string) []byte {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// prometheus is a running one.
type prometheus struct {
	t    *testing.T
	addr string
	log  *lineCollector
}

// startPrometheus runs one that scrapes the targets as the job "fullbore", four
// times a second.
func startPrometheus(t *testing.T, targets ...string) *prometheus {
	t.Helper()
	program := needTool(t, "prometheus")
	dir := t.TempDir()
	config := contentOf(t, filepath.Join(prometheusFiles, "prometheus.yml"))
	for from, to := range map[string]string{
		`scrape_interval: 15s`:     `scrape_interval: 250ms`,
		`evaluation_interval: 15s`: `evaluation_interval: 250ms`,
		`["fullbore:8081"]`:        `["` + strings.Join(targets, `", "`) + `"]`,
		`["127.0.0.1:9090"]`:       `["` + nowhere + `"]`,
	} {
		if strings.Count(config, from) != 1 {
			t.Fatalf("prometheus.yml does not have %q once", from)
		}
		config = strings.Replace(config, from, to, 1)
	}
	for name, content := range map[string]string{
		"prometheus.yml": config,
		"recording.yml":  scaledDown(contentOf(t, filepath.Join(prometheusFiles, "recording.yml"))),
		"alerts.yml":     scaledDown(contentOf(t, filepath.Join(prometheusFiles, "alerts.yml"))),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &prometheus{t: t, log: newLineCollector()}
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	cmd.Stderr = p.log
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed below
		p.log.close()
		close(done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		if t.Failed() {
			t.Logf("prometheus printed:\n%s", p.log)
		}
	})
	p.addr = p.listens(done)
	return p
}

// listens waits for the line that has the address.
func (p *prometheus) listens(done <-chan struct{}) string {
	p.t.Helper()
	line := regexp.MustCompile(`msg="Listening on" address=(\S+:\d+)`)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := line.FindStringSubmatch(p.log.String()); found != nil {
			return found[1]
		}
		select {
		case <-done:
			p.t.Fatal("prometheus ended")
		default:
		}
	}
	p.t.Fatal("prometheus does not listen")
	return ""
}

var durations = regexp.MustCompile(`(\[|offset |(?m:^ +(?:for|keep_firing_for): ))(\d+)([smh])\b`)

// scaledDown divides each duration of rules.
func scaledDown(rules string) string {
	return durations.ReplaceAllStringFunc(rules, func(found string) string {
		part := durations.FindStringSubmatch(found)
		n, _ := strconv.Atoi(part[2]) // digits
		unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[part[3]]
		return fmt.Sprintf("%s%dms", part[1], (time.Duration(n) * unit / scale).Milliseconds())
	})
}

// sample is a series' value.
type sample struct {
	Metric map[string]string
	Value  [2]any // time, value as a string
}

func (s sample) number() float64 {
	text, _ := s.Value[1].(string)
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err) // Prometheus does not write that
	}
	return number
}

func (s sample) isNumber() bool { return !math.IsNaN(s.number()) && !math.IsInf(s.number(), 0) }

// query asks for the value of an expression now.
func (p *prometheus) query(expression string) ([]sample, error) {
	var data struct{ Result []sample }
	return data.Result, p.ask("query", url.Values{"query": {expression}}, &data)
}

// ask calls Prometheus's HTTP API.
func (p *prometheus) ask(what string, values url.Values, data any) error {
	answer, err := http.Get("http://" + p.addr + "/api/v1/" + what + "?" + values.Encode())
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var result struct {
		Status, Error string
		Data          any
	}
	result.Data = data
	if err := json.NewDecoder(answer.Body).Decode(&result); err != nil {
		return err
	}
	if result.Status != "success" {
		return fmt.Errorf("%s: %s", result.Status, result.Error)
	}
	return nil
}

// until waits until the first value of an expression is one that is wanted.
func (p *prometheus) until(expression string, want func(float64) bool) float64 {
	p.t.Helper()
	var last []sample
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		found, err := p.query(expression)
		if err != nil {
			continue // it is starting
		}
		if last = found; len(found) > 0 && want(found[0].number()) {
			return found[0].number()
		}
	}
	p.t.Fatalf("%s is %v", expression, last)
	return 0
}
