package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/valyala/fasthttp"

	"fullbore/app/health"
	"fullbore/app/limit"
	"fullbore/app/transfer"
	"fullbore/logger"
)

// result is what the logger says of a request.
func result(method string, status int, outcome logger.Outcome, sent, received int64, took time.Duration) *logger.Result {
	start := time.Now()
	return &logger.Result{
		Method: method, Status: status, Outcome: outcome, Sent: sent, Received: received,
		Start: start, Ready: start.Add(took / 2), End: start.Add(took),
	}
}

// everything is a source of each metric.
func everything() Sources {
	return Sources{
		Active: func() int { return 3 },
		Downloads: func() transfer.Totals {
			return transfer.Totals{Started: 10, Complete: 5, Abandoned: 2, Evicted: 1, Active: 2, Delivered: 99, Duplicate: 9}
		},
		Connections: func() Connections {
			return Connections{Open: 5, Accepted: 70, AcceptErrors: 1, SlowTurns: 3, Sent: 1000, Received: 2000}
		},
		Rates:        func() Rates { return Rates{Server: 1000, Client: 100, Paced: 2} },
		LinesDropped: func() int64 { return 4 },
		EventsLost:   func() int64 { return 6 },
		Health:       func() health.Report { return health.Report{Score: 80, Parts: []health.Part{{Name: "disk", Score: 50}}} },
		Drain:        func() (time.Time, bool) { return time.Unix(1000, 5e8), true },
		Reloads:      func() Reloads { return Reloads{OK: 2, Refused: 1, LastOK: false, LastOKAt: time.Unix(2000, 0)} },
		Watch:        func() Watch { return Watch{Alarms: map[string]int64{"memory": 1}, Captures: 1} },
		Storage:      func() Storage { return Storage{Mounts: 2, Failing: 1, Trips: 3} },
		Refused:      func() []limit.Refused { return []limit.Refused{{Rule: "client-downloads", N: 12}} },
		Filesystems:  func() map[string]health.Space { return map[string]health.Space{"files": {Free: 7, Size: 8}} },
	}
}

// scrape asks the handler as a client with these fields would.
func scrape(t *testing.T, m *Metrics, fields map[string]string) *http.Response {
	t.Helper()
	app := fiber.New()
	app.Get("/metrics", m.Handler)
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	for name, value := range fields {
		request.Header.Set(name, value)
	}
	resp, err := app.Test(request, -1)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// values are the samples of a text answer by their name and labels.
func values(t *testing.T, text io.Reader) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for name, family := range families {
		for _, metric := range family.Metric {
			all[name+labels(metric)] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func labels(metric *dto.Metric) string {
	text := ""
	for _, label := range metric.Label {
		text += " " + label.GetName() + "=" + label.GetValue()
	}
	return text
}

func TestRequestsAreCounted(t *testing.T) {
	m := New("v1", Sources{})
	m.Observe(result("GET", 200, logger.Complete, 1000, 0, time.Millisecond))
	m.Observe(result("GET", 206, logger.Aborted, 500, 0, 2*time.Hour))
	m.Observe(result("BREW", 501, logger.Complete, 20, 7, 0))
	unread := result("GET", 400, logger.Failed, 30, 0, 0)
	unread.Unread = true
	m.Observe(unread)
	m.ObserveAdmin(result("HEAD", 304, logger.Complete, 0, 0, 0))
	got := values(t, scrape(t, m, nil).Body)
	for name, want := range map[string]float64{
		"fullbore_requests_total code=2xx kind=other method=GET":   2,
		"fullbore_requests_total code=5xx kind=other method=other": 1,
		"fullbore_requests_total code=4xx kind=other method=other": 1,
		"fullbore_requests_total code=3xx kind=admin method=HEAD":  1,
		"fullbore_responses_total kind=other outcome=complete":     2,
		"fullbore_responses_total kind=other outcome=aborted":      1,
		"fullbore_responses_total kind=other outcome=error":        1,
		"fullbore_responses_total kind=admin outcome=complete":     1,
		"fullbore_response_body_bytes_total kind=other":            1550,
		"fullbore_request_body_bytes_total kind=other":             7,
		"fullbore_transfer_duration_seconds kind=other":            4,
		"fullbore_time_to_first_byte_seconds kind=admin":           1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if _, ok := got["fullbore_active_transfers"]; ok {
		t.Error("there is a metric of what there is no source for")
	}
}

func TestSourcesAreAsked(t *testing.T) {
	got := values(t, scrape(t, New("v1", everything()), nil).Body)
	for name, want := range map[string]float64{
		"fullbore_active_transfers":                             3,
		"fullbore_connections state=active":                     3,
		"fullbore_connections state=idle":                       2,
		"fullbore_connections_accepted_total":                   70,
		"fullbore_accept_errors_total":                          1,
		"fullbore_slow_turns_total":                             3,
		"fullbore_network_sent_bytes_total":                     1000,
		"fullbore_network_received_bytes_total":                 2000,
		"fullbore_paced_connections":                            2,
		"fullbore_rate_limit_bytes of=server":                   1000,
		"fullbore_rate_limit_bytes of=client":                   100,
		"fullbore_rate_limit_bytes of=connection":               0,
		"fullbore_downloads_total outcome=started":              10,
		"fullbore_downloads_total outcome=complete":             5,
		"fullbore_downloads_total outcome=abandoned":            2,
		"fullbore_downloads_total outcome=evicted":              1,
		"fullbore_downloads_active":                             2,
		"fullbore_download_delivered_bytes_total":               99,
		"fullbore_download_duplicate_bytes_total":               9,
		"fullbore_access_log_lines_dropped_total":               4,
		"fullbore_events_dropped_total":                         6,
		"fullbore_health_score":                                 80,
		"fullbore_health_part_score part=disk":                  50,
		"fullbore_draining":                                     1,
		"fullbore_drain_started_timestamp_seconds":              1000.5,
		"fullbore_config_last_reload_successful":                0,
		"fullbore_config_last_reload_success_timestamp_seconds": 2000,
		"fullbore_config_reloads_total result=ok":               2,
		"fullbore_config_reloads_total result=refused":          1,
		"fullbore_watch_alarms_total rule=memory":               1,
		"fullbore_watch_captures_total":                         1,
		"fullbore_refused_total rule=client-downloads":          12,
		"fullbore_storage_mounts":                               2,
		"fullbore_storage_failing_mounts":                       1,
		"fullbore_storage_failures_total":                       3,
		"fullbore_filesystem_free_bytes of=files":               7,
		"fullbore_filesystem_size_bytes of=files":               8,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v (%v), want %v", name, value, ok, want)
		}
	}
}

func TestFormatIsNegotiated(t *testing.T) {
	m := New("v1", everything())
	for _, test := range []struct{ accept, encoding, contentType, contentEncoding string }{
		{"", "", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		{"application/openmetrics-text;version=1.0.0", "gzip", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores", "gzip"},
		{"text/plain", "gzip;Q=0", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		{"text/plain", "gzip; q=0.", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		{"text/plain", "gzip;\tq=0", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		{"text/plain", "gzip;q=0, identity", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		{"text/plain", "deflate, GZIP ; q=0.5", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", "gzip"},
	} {
		resp := scrape(t, m, map[string]string{"Accept": test.accept, "Accept-Encoding": test.encoding})
		if got := resp.Header.Get("Content-Type"); got != test.contentType || resp.Header.Get("Content-Encoding") != test.contentEncoding {
			t.Errorf("%+v: answered %v", test, resp.Header)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	m := New("test", Sources{})
	r := result("GET", 200, logger.Complete, 4096, 0, 30*time.Microsecond)
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(r)
	}
}

func BenchmarkScrape(b *testing.B) {
	m := New("test", everything())
	app := fiber.New()
	app.Get("/metrics", m.Handler)
	handler := app.Handler()
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, nil, nil)
	ctx.Request.SetRequestURI("/metrics")
	b.ReportAllocs()
	for b.Loop() {
		handler(&ctx)
		ctx.Response.Reset()
	}
}
