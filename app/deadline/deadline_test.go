package deadline

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestLimitsThatAreNotSetAreTheDefaults(t *testing.T) {
	var c Current
	c.Set(Limits{Idle: time.Hour})
	if got, want := *c.Get(), (Limits{Head: HeadDefault, Rest: RestDefault, Idle: time.Hour, Grace: GraceDefault}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestErrorsAreTimeouts(t *testing.T) {
	for want, err := range map[string]*Error{
		"the head did not come within 10s": {Broken: RuleHead, Limit: 10 * time.Second},
		"peer took nothing for 1m0s":       {Broken: RuleIdle, Limit: time.Minute},
		"peer sent nothing for 1m0s":       {Broken: RuleIdle, Limit: time.Minute, Sends: true},
		"peer took less than 1024 B/s":     {Broken: RuleDownload, Least: 1024},
		"peer sent less than 500 B/s":      {Broken: RuleUpload, Least: 500, Sends: true},
	} {
		if err.Error() != want || !errors.Is(err, os.ErrDeadlineExceeded) || !err.Timeout() || err.Rule() != err.Broken {
			t.Errorf("%q, want %q; %+v", err, want, err)
		}
	}
}

// A body may pause for the idle timeout, if it has come fast enough before.
func TestBody(t *testing.T) {
	limits := Limits{Idle: 60 * time.Second, Upload: 500, Grace: 20 * time.Second}
	for _, test := range []struct {
		name     string
		limits   Limits
		silences []time.Duration // before something comes
		received int64
		left     time.Duration
		broken   string
	}{
		{"nothing yet", limits, nil, 0, 20 * time.Second, RuleUpload},
		{"at the minimum, of which 20 s are grace", limits, []time.Duration{10 * time.Second, 10 * time.Second}, 10_000, 20 * time.Second, RuleUpload},
		{"below", limits, []time.Duration{30 * time.Second}, 4_000, -2 * time.Second, RuleUpload},
		{"far above", limits, []time.Duration{time.Second}, 1 << 30, 60 * time.Second, RuleIdle},
		{"without a minimum", Limits{Idle: 60 * time.Second}, []time.Duration{time.Hour}, 1, 60 * time.Second, RuleIdle},
		{"more than a duration can have", limits, []time.Duration{time.Second}, 1<<63 - 1, 60 * time.Second, RuleIdle},
	} {
		var b Body
		for _, silence := range test.silences {
			b.Waited(silence, true)
		}
		left, broken := b.Left(&test.limits, test.received)
		if left != test.left || broken.Broken != test.broken {
			t.Errorf("%s: %v, then %s; want %v, %s", test.name, left, broken.Broken, test.left, test.broken)
		}
	}
	var b Body
	b.Waited(40*time.Second, false)
	if left, _ := b.Left(&Limits{Idle: 60 * time.Second}, 1<<20); left != 20*time.Second {
		t.Errorf("after 40 s of silence %v are left", left)
	}
}

// run looks at a client every second that takes what rate says, and is when it was too
// slow, 0 if it never was.
func run(track *Track, limits *Limits, seconds int, rate func(second int) int64) int {
	taken := int64(0)
	for s := range seconds {
		now := int64(s+1) * int64(time.Second)
		taken += rate(s)
		if track.Slow(limits, now, taken) {
			return s + 1
		}
	}
	return 0
}

func TestTrack(t *testing.T) {
	limits := &Limits{Download: 1000, Grace: 20 * time.Second}
	for _, test := range []struct {
		name     string
		rate     func(second int) int64
		from, to int // when it may be found too slow; 0: never
	}{
		{"at the minimum", func(int) int64 { return 1000 }, 0, 0},
		{"half of it", func(int) int64 { return 500 }, 20, 31},
		{"nothing", func(int) int64 { return 0 }, 20, 31},
		{"fast, then slow: what was before does not count for long", func(s int) int64 {
			if s < 100 {
				return 2000
			}
			return 100
		}, 110, 131},
		{"by bursts, within the grace", func(s int) int64 {
			if s%10 == 0 {
				return 10_000
			}
			return 0
		}, 0, 0},
	} {
		if got := run(new(Track), limits, 1000, test.rate); got < test.from || got > test.to {
			t.Errorf("%s: too slow after %d s, want %d to %d", test.name, got, test.from, test.to)
		}
	}
}

// Time in which we did not wait for the client does not count.
func TestTrackLeavesOutOurOwnTime(t *testing.T) {
	limits, track := &Limits{Download: 1000, Grace: 20 * time.Second}, new(Track)
	now, taken := int64(0), int64(0)
	for range 1000 {
		track.Resume(now, taken)
		now += int64(time.Second) // it takes this second what it has to in one,
		taken += 1000
		if track.Slow(limits, now, taken) {
			t.Fatalf("too slow after %v", time.Duration(now))
		}
		track.Pause(now)
		now += int64(9 * time.Second) // and is held back for nine
	}
	track.Resume(now, taken)
	if !track.Slow(limits, now+int64(40*time.Second), taken) {
		t.Error("40 s without anything are not too slow")
	}
}

func TestTrackThatIsSeldomLookedAt(t *testing.T) {
	limits, track := &Limits{Download: 1000, Grace: 20 * time.Second}, new(Track)
	track.Resume(1, 0)
	minute := int64(time.Minute)
	if track.Slow(limits, minute, 60_000) || track.Slow(limits, 2*minute, 120_000) {
		t.Error("too slow at the minimum")
	}
	if !track.Slow(limits, 3*minute, 121_000) {
		t.Error("a minute with a second's worth is not too slow")
	}
}
