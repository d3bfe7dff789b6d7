package watch

// What the tests here have in common: a real server that leaks or does not,
// with a real watch on it.

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp's end when they next wake up, or never.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// patience is for what must happen at all; no test depends on how soon.
const patience = 60 * time.Second

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// event is a line of the log of events.
type event struct {
	Event, Rule, State, Reason, Where, Error, Message, Host string
	ResidentBytes                                           int64 `json:"resident_bytes"`
}

// eventLog keeps events.
type eventLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *eventLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *eventLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// of gives the events of a kind.
func (l *eventLog) of(t *testing.T, kind string) []event {
	t.Helper()
	var events []event
	for line := range bytes.Lines([]byte(l.String())) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Event == kind {
			events = append(events, e)
		}
	}
	return events
}

// watched is a Watch that runs.
type watched struct {
	*Watch
	events *eventLog
	stop   func() // and wait
}

// run runs a Watch of nothing but this process, changed by edit.
func run(t *testing.T, edit func(*Config), shorten func(*Watch)) *watched {
	t.Helper()
	events := &eventLog{}
	cfg := Config{
		BytesServed: func() int64 { return 0 },
		Connections: func() int { return 0 },
		Peak:        func() int { return 0 },
		Events:      zerolog.New(events),
		Settings:    Settings{Every: 5 * time.Millisecond, Growth: 256 << 10, Cooldown: time.Hour, Keep: 3},
	}
	if edit != nil {
		edit(&cfg)
	}
	w := New(cfg)
	w.backoff = time.Millisecond
	if shorten != nil {
		shorten(w)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return &watched{w, events, stop}
}

func TestLevelAlarmComesOnceAndGoes(t *testing.T) {
	w := run(t, func(c *Config) { c.Settings.Memory = 1 }, nil)
	until(t, "the alarm", func() bool { return w.Alarms(ruleMemory) == 1 })
	score, reasons := w.Health()
	if score != 40 || len(reasons) != 1 {
		t.Errorf("health %d, %q, want 40 and one reason", score, reasons)
	}
	settings := *w.settings.Load()
	settings.Memory = 1 << 50
	w.Set(settings)
	until(t, "the end of the alarm", func() bool { score, _ := w.Health(); return score == 100 })
	until(t, "both events", func() bool { return len(w.events.of(t, "alarm")) == 2 })
	alarms := w.events.of(t, "alarm")
	if alarms[0].State != "raised" || alarms[1].State != "over" || alarms[0].Rule != "memory" || alarms[0].ResidentBytes < mib {
		t.Errorf("events %+v", alarms)
	}
	if n := w.Captures(); n != 0 {
		t.Errorf("%d captures without a state folder", n)
	}
}

func TestAlarmIsRepeatedAfterTheCooldown(t *testing.T) {
	w := run(t, func(c *Config) { c.Settings.Memory, c.Settings.Cooldown = 1, 20*time.Millisecond }, nil)
	until(t, "three alarms", func() bool { return w.Alarms(ruleMemory) >= 3 })
	if w.Alarms("unheard-of") != 0 {
		t.Error("a rule that there is not raised an alarm")
	}
}

func TestOffWatchesNothing(t *testing.T) {
	w := run(t, func(c *Config) { c.Settings.Memory, c.Settings.Every = 1, 0 }, nil)
	if _, there := w.Last(); there || w.Alarms(ruleMemory) != 0 {
		t.Error("it looked")
	}
	on := *w.settings.Load()
	off := on
	on.Every = time.Millisecond
	w.Set(on)
	until(t, "the alarm", func() bool { score, _ := w.Health(); return score < 100 })
	if last, there := w.Last(); !there || last.Goroutines == 0 {
		t.Errorf("last sample %+v, %v", last, there)
	}
	w.Set(off)
	until(t, "forgetting", func() bool { score, _ := w.Health(); return score == 100 })
}

func TestNewPanicsWithoutItsFunctions(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it does not")
		}
	}()
	New(Config{})
}

func TestStateTellsOncePerCooldown(t *testing.T) {
	var s state
	now := time.Unix(1000, 0)
	var told []string
	for second, raised := range []bool{false, true, true, false, true, false, false, true, true, true, true, false} {
		if a := s.set(raised, "", now.Add(time.Duration(second)*time.Second), 6*time.Second); a != "" {
			told = append(told, a)
		}
		if s.raised != raised {
			t.Errorf("second %d: raised %v", second, s.raised)
		}
	}
	// At 1, over at 3; at 4 and 5 too soon; at 7 again, over at 11.
	if want := []string{stateRaised, stateOver, stateRaised, stateOver}; !slices.Equal(told, want) || s.alarms != 2 {
		t.Errorf("told %v (%d alarms), want %v", told, s.alarms, want)
	}
}

func TestAboveHasHysteresis(t *testing.T) {
	for _, c := range []struct {
		was           bool
		figure, limit float64
		want          bool
	}{
		{false, 100, 100, false},
		{false, 101, 100, true},
		{true, 95, 100, true},
		{true, 90, 100, false},
		{false, 100, 0, false}, // no limit
		{true, 100, 0, false},
	} {
		if got := above(c.was, c.figure, c.limit); got != c.want {
			t.Errorf("%+v gave %v", c, got)
		}
	}
}

func TestEachLevelRule(t *testing.T) {
	w := newTestWatch()
	settings := &Settings{Memory: 1000}
	for _, c := range []struct {
		rule Rule
		s    Sample
		gc   float64
		want bool
	}{
		{ruleMemory, Sample{Resident: 1001}, 0, true},
		{ruleMemory, Sample{Resident: 999}, 0, false},
		{ruleDescriptors, Sample{Descriptors: DescriptorLimit()}, 0, DescriptorLimit() > 0},
		{ruleDescriptors, Sample{Descriptors: DescriptorLimit() / 2}, 0, false},
		{ruleDescriptors, Sample{Descriptors: -1}, 0, false},
		{ruleGoroutines, Sample{Goroutines: 1001}, 0, true},
		{ruleGoroutines, Sample{Goroutines: 5000, Peak: 1000}, 0, false},
		{ruleGoroutines, Sample{Goroutines: 9001, Peak: 1000}, 0, true},
		{ruleGC, Sample{}, 0.26, true},
		{ruleGC, Sample{}, 0.25, false},
	} {
		w.gc.share = c.gc
		raised, reason, _ := w.ask(c.rule, &c.s, settings)
		if raised != c.want || reason == "" {
			t.Errorf("%s of %+v: %v (%s), want %v", c.rule, c.s, raised, reason, c.want)
		}
	}
}

func TestGCShareIsOverAWholeWindow(t *testing.T) {
	var g gcShare
	now := time.Unix(0, 0)
	add := func(share float64) {
		before := now
		now = now.Add(10 * time.Second)
		g.add(&Sample{Time: now, GC: share}, before, time.Minute)
	}
	g.add(&Sample{Time: now, GC: 1}, time.Time{}, time.Minute) // the first sample has no interval
	for range 5 {
		add(0.6)
	}
	if g.share != 0 {
		t.Errorf("share %v after 50 s", g.share)
	}
	add(0)
	if g.share < 0.49 || g.share > 0.51 {
		t.Errorf("share %v after a minute, want 0.5", g.share)
	}
	for range 6 {
		add(0)
	}
	if g.share != 0 {
		t.Errorf("share %v after a quiet minute", g.share)
	}
}
