package health

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestLatelyIsTheLastMinute(t *testing.T) {
	var l Recent
	at := func(seconds int64) time.Time { return time.Unix(1_000_000+seconds, 0) }
	why := errors.New("why")
	l.add(at(0), 2, errors.New("before"))
	l.add(at(5), 1, why)
	l.add(at(30), 4, why)
	for _, test := range []struct {
		seconds, want int64
	}{{30, 7}, {59, 7}, {75, 4}, {95, 4}, {105, 0}, {100_000, 0}} {
		if n, err := l.sum(at(test.seconds)); n != test.want || !errors.Is(err, why) {
			t.Errorf("after %d s: %d, %v; want %d", test.seconds, n, err, test.want)
		}
	}
	l.add(at(100_000), 1, why)
	l.add(at(99_999), 1, why) // a clock that was put back
	if n, _ := l.sum(at(100_000)); n != 2 {
		t.Errorf("after a clock was put back: %d", n)
	}
}

func TestStorageSaysWhatIsWrongWithTheFiles(t *testing.T) {
	dir := t.TempDir()
	behind, gone := errors.New("behind"), errors.New("gone")
	for _, test := range []struct {
		behind, gone error
		want         Part
	}{
		{nil, nil, Part{"files", 100, ""}},
		{behind, nil, Part{"files", 50, dir + ": behind"}},
		{nil, gone, Part{"files", 0, dir + ": gone"}},
		{behind, gone, Part{"files", 0, dir + ": gone"}},
	} {
		s := measure(Places{
			Root: dir, Look: func() (error, error) { return test.behind, test.gone },
			Log: filepath.Join(dir, "not", "yet", "log"), State: dir,
		})
		if part := s.filesPart(); part != test.want {
			t.Errorf("%+v, want %+v", part, test.want)
		}
		if len(s.rooms) != 2 || s.rooms[0].Size <= 0 || s.rooms[0].Free < 0 || s.rooms[0].Size != s.rooms[1].Size {
			t.Errorf("rooms: %+v", s.rooms)
		}
	}
}

func TestRoomIsShortInShareAndInBytes(t *testing.T) {
	const gib = 1 << 30
	for _, test := range []struct {
		free, size int64
		want       int
	}{
		{50 * gib, 100 * gib, 100},
		{9 * gib, 100 * gib, 50},
		{500 * gib, 10_000 * gib, 100}, // a twentieth, and plenty
		{gib / 2, 100 * gib, 10},
		{5 * gib, 1000 * gib, 50},
		{gib / 2, gib, 100},
		{0, 100, 10},
	} {
		r := room{"log", "/x", Space{Free: test.free, Size: test.size}}
		if got := r.score(); got != test.want {
			t.Errorf("%d of %d bytes: %d, want %d", test.free, test.size, got, test.want)
		}
		part := storage{rooms: []room{{Space: Space{Free: 1, Size: 1}}, r}}.diskPart()
		if part.Score != test.want || (part.Reason == "") != (test.want == 100) {
			t.Errorf("%+v", part)
		}
	}
}

// A file system that does not answer takes one goroutine, however many ask.
func TestProbeDoesNotWaitWithoutEnd(t *testing.T) {
	answer := make(chan struct{})
	looks := make(chan struct{}, 100)
	p := &probe{patience: time.Millisecond, measure: func() storage {
		looks <- struct{}{}
		<-answer
		return storage{root: "found"}
	}}
	h := newMonitor(Config{}, p)
	for range 5 {
		if _, stuck := p.look(); stuck <= 0 {
			t.Error("it has answered")
		}
	}
	if err := h.Files(); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("%v", err)
	}
	if n := len(looks); n != 1 {
		t.Errorf("%d look at once", n)
	}
	p.mu.Lock()
	running := p.running
	p.mu.Unlock()
	close(answer)
	<-running
	if found, stuck := p.look(); stuck != 0 || found.root != "found" {
		t.Errorf("%+v, %v", found, stuck)
	}
}

// A change of the state is an event, but not each flicker.
func TestHealthTellsOfChanges(t *testing.T) {
	var out bytes.Buffer
	score := 100
	h := newMonitor(Config{
		Events: zerolog.New(&out), Accept: new(Recent), Log: new(Recent), Lost: func() int64 { return 0 },
		Process: func() (int, []string) { return score, []string{"it leaks"} },
		Load:    func() string { return "" },
	}, &probe{patience: time.Minute, measure: func() storage { return storage{} }})
	told := func() string {
		h.at = time.Time{} // look anew
		h.Report()
		text := out.String()
		out.Reset()
		return text
	}
	if got := told(); got != "" {
		t.Errorf("well from the start: %s", got)
	}
	score = 45
	if got := told(); !strings.Contains(got, `"event":"health"`) || !strings.Contains(got, `"level":"warn"`) ||
		!strings.Contains(got, `"state":"degraded"`) || !strings.Contains(got, "process: it leaks") {
		t.Errorf("ill: %s", got)
	}
	score = 50
	if got := told(); got != "" {
		t.Errorf("as ill as before: %s", got)
	}
	score = 100
	if got := told(); got != "" {
		t.Errorf("at once: %s", got)
	}
	h.toldAt = h.toldAt.Add(-quiet)
	if got := told(); !strings.Contains(got, `"state":"ok"`) || !strings.Contains(got, `"before":"degraded"`) || !strings.Contains(got, `"level":"info"`) {
		t.Errorf("well again: %s", got)
	}
}

func TestPartsOfHealth(t *testing.T) {
	var lost int64
	h := newMonitor(Config{
		Events: zerolog.Nop(), Accept: new(Recent), Log: new(Recent), Lost: func() int64 { return lost },
		Process: func() (int, []string) { return 100, nil },
		Load:    func() string { return "" },
	}, &probe{patience: time.Minute, measure: func() storage { return storage{} }})
	parts := func() map[string]Part {
		h.at = time.Time{} // look anew
		all := map[string]Part{}
		for _, p := range h.Report().Parts {
			all[p.Name] = p
		}
		return all
	}
	for name, p := range parts() {
		if p.Score != 100 || p.Reason != "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	h.cfg.Accept.Failed(errors.New("too many open files"))
	lost = 1234
	if p := parts()["accept"]; p.Score != 60 || !strings.Contains(p.Reason, "1 time in the last minute: too many open files") {
		t.Errorf("%+v", p)
	}
	if p := parts()["log"]; p.Score != 50 || p.Reason != "1,234 lines of the access log were lost in the last minute" {
		t.Errorf("%+v", p)
	}
	for range 20 {
		h.cfg.Accept.Failed(errors.New("too many open files"))
	}
	h.cfg.Log.Failed(errors.New("disk full"))
	if p := parts()["accept"]; p.Score != 20 {
		t.Errorf("%+v", p)
	}
	if p := parts()["log"]; p.Score != 30 || !strings.Contains(p.Reason, "disk full; 1,234 lines") {
		t.Errorf("%+v", p)
	}
}

func TestHealthWhileClientsAreRefused(t *testing.T) {
	load := "too many open files"
	h := newMonitor(Config{
		Events: zerolog.Nop(), Accept: new(Recent), Log: new(Recent), Lost: func() int64 { return 0 },
		Process: func() (int, []string) { return 100, nil },
		Load:    func() string { return load },
	}, &probe{patience: time.Minute, measure: func() storage { return storage{} }})
	if r := h.Report(); r.State != Degraded || len(r.Reasons) != 1 || r.Reasons[0] != "load: too many open files" {
		t.Errorf("%+v", r)
	}
	h.at, load = time.Time{}, ""
	if r := h.Report(); r.Score != 100 {
		t.Errorf("afterwards: %+v", r)
	}
}
