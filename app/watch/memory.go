package watch

// Memory is given back after a burst. Go alone would keep it: a collection
// comes only when the heap has doubled, or after two minutes, and pooled
// buffers survive the first one.

import (
	"runtime/debug"
	"time"
)

const (
	// giveBackEvery is as long as fasthttp takes to let go of workers that have
	// nothing to do: it looks every 10 s for those idle for 10 s.
	giveBackEvery = 20 * time.Second

	// burst is how many connections must have ended to make it worthwhile.
	burst = 64
)

// giveBackAfter collects and returns what a burst of connections left behind,
// once it is over.
func (w *Watch) giveBackAfter(b *burstEnd) {
	w.takePeak(time.Now())
	open := w.cfg.Connections()
	if b.over(open, w.peak) {
		// What is in a sync.Pool takes two collections to go.
		debug.FreeOSMemory()
		debug.FreeOSMemory()
	}
	w.peak = open
}

// burstEnd recognizes the end of a burst.
type burstEnd struct {
	high int  // the most connections since memory was last given back
	seen bool // the burst was over already at the last look
}

// over reports whether more than half of what was open has ended, and had ended
// at the last look, too, so that workers and timers are gone as well.
func (b *burstEnd) over(open, peak int) bool {
	b.high = max(b.high, peak)
	ended := b.high-open >= burst && open <= b.high/2
	if ended && b.seen {
		*b = burstEnd{high: open}
		return true
	}
	b.seen = ended
	return false
}
