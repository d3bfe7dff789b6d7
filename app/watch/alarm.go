package watch

import (
	"errors"
	"time"
)

// The states of an alarm.
const (
	stateRaised = "raised"
	stateOver   = "over"
)

// alarm is what is told. Its JSON is what webhooks get and what captures
// contain, and stable.
type alarm struct {
	Event   string    `json:"event"` // "alarm"
	Rule    Rule      `json:"rule"`
	State   string    `json:"state"` // raised, over
	Time    time.Time `json:"time"`
	Reason  string    `json:"reason"`
	Figures Sample    `json:"figures"`
	Growth  *rise     `json:"growth,omitempty"`
	Capture string    `json:"capture,omitempty"` // the folder that the capture goes to

	samples []Sample // for the capture
}

// raise tells the world.
func (w *Watch) raise(a *alarm, settings *Settings) {
	event := w.cfg.Events.Warn().Str("event", "alarm").Str("rule", string(a.Rule)).
		Str("state", a.State).Str("reason", a.Reason).
		Int64("resident_bytes", a.Figures.Resident).Int64("anonymous_bytes", a.Figures.Anonymous).
		Int64("heap_bytes", a.Figures.Heap).Int("goroutines", a.Figures.Goroutines).
		Int("descriptors", a.Figures.Descriptors).Float64("gc_share", a.Figures.GC).
		Int("connections", a.Figures.Connections).Int64("bytes_served", a.Figures.Served)
	if a.State == stateRaised && w.cfg.StateDir != "" && settings.Keep > 0 {
		a.Capture = w.captureDir(a)
		event.Str("where", a.Capture)
	}
	event.Msg("watch: " + a.Reason)
	if a.Capture != "" {
		select {
		case w.captures <- a:
		default: // a long CPU profile is being made, and one waits for each rule
			w.captureFailed(a, errBusy)
		}
	}
	if settings.Webhook != "" {
		select {
		case w.posts <- a:
		default:
			w.postFailed(settings.Webhook, a, errBusy)
		}
	}
}

// stamp is when an alarm was, as part of a name that sorts by time.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405.000Z") }

// errBusy says that too much is waiting already.
var errBusy = errors.New("too many alarms are waiting already")
