//go:build unix

package e2e

// Downloads as people make them, by the programs that they use: however many
// requests one takes, it is one.

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// downloadEvent is what the server says of a download when it is over.
type downloadEvent struct {
	Event, Outcome, Client, Path                  string
	Size, Covered, Delivered, Duplicate, Requests int64
	Duration                                      float64 `json:"duration_ms"`
}

// downloadEvents are those that were said so far.
func (s *server) downloadEvents() (events []downloadEvent) {
	for line := range strings.Lines(s.stderr.String()) {
		var e downloadEvent
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == "download" {
			events = append(events, e)
		}
	}
	return events
}

// oneDownload waits for the first event of a download, and demands that it is
// the only one.
func (s *server) oneDownload() downloadEvent {
	s.t.Helper()
	waitUntil(s.t, "a download is over", func() bool { return len(s.downloadEvents()) > 0 })
	s.stop()
	events := s.downloadEvents()
	if len(events) != 1 {
		s.t.Fatalf("%d downloads are told of, want one: %+v", len(events), events)
	}
	return events[0]
}

// scrape returns the samples of /metrics by name and labels, as in
// "fullbore_requests_total code=2xx kind=file method=GET"; of a histogram the
// number of observations.
func (s *server) scrape() map[string]float64 {
	s.t.Helper()
	samples := map[string]float64{}
	for name, family := range s.families() {
		for _, metric := range family.Metric {
			key := name
			for _, label := range metric.Label {
				key += " " + label.GetName() + "=" + label.GetValue()
			}
			samples[key] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return samples
}

func (s *server) families() map[string]*dto.MetricFamily {
	s.t.Helper()
	resp, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		s.t.Fatalf("%s: %v", resp.Status, err)
	}
	return families
}

// sum adds up the samples of a name, whatever their labels.
func sum(samples map[string]float64, name string, labels ...string) (total float64) {
	for key, value := range samples {
		fields := strings.Split(key, " ")
		if fields[0] == name && !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(fields[1:], l) }) {
			total += value
		}
	}
	return total
}

// wantDownloads looks at what the metrics say of downloads once one has ended.
func (s *server) wantDownloads(started, complete, abandoned float64) {
	s.t.Helper()
	waitUntil(s.t, "as many downloads have ended", func() bool {
		m := s.scrape()
		return m["fullbore_downloads_total outcome=complete"] == complete && m["fullbore_downloads_total outcome=abandoned"] == abandoned
	})
	m := s.scrape()
	if m["fullbore_downloads_total outcome=started"] != started || m["fullbore_downloads_total outcome=evicted"] != 0 ||
		m["fullbore_downloads_active"] != started-complete-abandoned {
		s.t.Errorf("the metrics of downloads are %v", m)
	}
}

func TestSixteenConnectionsAreOneDownload(t *testing.T) {
	t.Parallel()
	needTool(t, "aria2c")
	dir, into := t.TempDir(), t.TempDir()
	const size = 200 << 20
	digest := noise(t, filepath.Join(dir, "file"), size, 21)
	s := start(t, dir)
	aria2(t, into, "-q", "-x16", "-s16", "-k1M", "--checksum=sha-256="+digest, "-o", "file", s.url("/file"))
	s.wantDownloads(1, 1, 0)
	m := s.scrape()
	e := s.oneDownload()
	if e.Outcome != "complete" || e.Client != "127.0.0.1" || e.Path != "/file" || e.Size != size || e.Covered != size ||
		e.Requests < 16 || e.Delivered != size+e.Duplicate || e.Duration <= 0 {
		t.Errorf("the download is %+v", e)
	}
	var sent int64
	for _, r := range s.records(0) {
		sent += r.Sent
	}
	if sent != e.Delivered || m["fullbore_download_delivered_bytes_total"] != float64(sent) || m["fullbore_download_duplicate_bytes_total"] != float64(e.Duplicate) {
		t.Errorf("%d bytes are logged; the download is %+v; the metrics say %v and %v", sent, e,
			m["fullbore_download_delivered_bytes_total"], m["fullbore_download_duplicate_bytes_total"])
	}
}

func TestResumedDownloadIsOne(t *testing.T) {
	t.Parallel()
	needTool(t, "wget")
	dir, into := t.TempDir(), t.TempDir()
	const size = 64 << 20
	digest := noise(t, filepath.Join(dir, "file"), size, 22)
	s, out := start(t, dir), filepath.Join(into, "file")
	killWhen(t, program(t, into, "wget", "--no-config", "-q", "--limit-rate=4m", s.url("/file")), func() bool { return sizeOf(out) > 1<<20 })
	s.records(1)
	s.wantDownloads(1, 0, 0)
	wget(t, into, "-c", s.url("/file"))
	if sha256Of(t, out) != digest {
		t.Error("the resumed file is not the original")
	}
	s.wantDownloads(1, 1, 0)
	// Nothing is left to resume, which is no download.
	wget(t, into, "-c", s.url("/file"))
	if e := s.oneDownload(); e.Outcome != "complete" || e.Requests != 2 || e.Size != size || e.Delivered != size+e.Duplicate {
		t.Errorf("the download is %+v", e)
	}
}

func TestDownloadThatStopsHalfwayIsAbandoned(t *testing.T) {
	t.Parallel()
	dir, into := t.TempDir(), t.TempDir()
	const size = 256 << 20
	sparse(t, dir, "file", size)
	s, out := start(t, dir, "--download-expiry", "1s"), filepath.Join(into, "file")
	killWhen(t, program(t, into, "curl", "-q", "-sS", "--limit-rate", "4M", "-o", out, s.url("/file")), func() bool { return sizeOf(out) > 1<<20 })
	s.wantDownloads(1, 0, 1)
	if e := s.oneDownload(); e.Outcome != "abandoned" || e.Requests != 1 || e.Size != size || e.Delivered < 1<<20 || e.Delivered >= size || e.Duplicate != 0 {
		t.Errorf("the download is %+v", e)
	}
}

// What a video player does that seeks: the beginning, the index at the end, and
// on from the middle. Not all was delivered, so it is no complete download.
func TestSeekingIsNotADownload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const size = 8 << 20
	sparse(t, dir, "video.mp4", size)
	s := start(t, dir)
	for _, span := range [][2]int{{0, 65535}, {size - 65536, size - 1}, {size / 2, size - 1}} {
		curl(t, dir, "-f", "-o", "/dev/null", "-r", fmt.Sprintf("%d-%d", span[0], span[1]), s.url("/video.mp4"))
	}
	s.records(3)
	s.wantDownloads(1, 0, 0)
	curl(t, dir, "-f", "-o", "/dev/null", "-r", fmt.Sprintf("65536-%d", size/2-1), s.url("/video.mp4"))
	s.wantDownloads(1, 1, 0)
	if e := s.oneDownload(); e.Outcome != "complete" || e.Requests != 4 || e.Duplicate != 65536 {
		t.Errorf("after the rest was fetched the download is %+v", e)
	}
}

// With the access log off there is nothing to be read from it, and all the rest
// is as true.
func TestDownloadsAndMetricsWithoutAccessLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sparse(t, dir, "file", 4<<20)
	s := start(t, dir, "--access-log", "off")
	for range 2 {
		resp, err := http.Get(s.url("/file"))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != 4<<20 || err != nil {
			t.Fatal(n, err)
		}
		resp.Body.Close()
	}
	s.wantDownloads(2, 2, 0)
	if m := s.scrape(); m["fullbore_response_body_bytes_total kind=file"] != 8<<20 || m["fullbore_requests_total code=2xx kind=file method=GET"] != 2 {
		t.Errorf("the metrics are %v", m)
	}
	// The admin listener counts its own apart.
	if m := s.scrape(); sum(m, "fullbore_requests_total", "kind=admin") < 1 || sum(m, "fullbore_response_body_bytes_total", "kind=admin") < 1000 {
		t.Errorf("of the admin listener the metrics say %v", m)
	}
}
