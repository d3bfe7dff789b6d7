package limit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// line is a queue with names for its waiters, and a clock that a test moves.
type line struct {
	*downloads
	t     *testing.T
	now   time.Time
	names map[*waiter]string
	order []string // in which verdicts came
	slots map[string]*slot
}

func newLine(t *testing.T, settings Settings) *line {
	l := &line{downloads: newDownloads(), t: t, now: time.Now(), names: map[*waiter]string{}, slots: map[string]*slot{}}
	l.queue.now = func() time.Time { return l.now }
	l.set(settings)
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.queue.timer != nil {
			l.queue.timer.Stop()
		}
	})
	return l
}

// ask is a download of a client, which has a name such as "1a": the client's number, and
// which of its downloads it is. It gives what became of it at once.
func (l *line) ask(name string) string {
	l.t.Helper()
	key := nth(uint32(name[0]))
	if s, _ := l.begin(key); s != nil {
		l.slots[name] = s
		return "sent"
	}
	w := l.await(key)
	if w == nil {
		return "refused"
	}
	l.names[w] = name
	l.attach(w, func() { l.order = append(l.order, name) })
	return "waits"
}

// over ends a download that is being sent, and gives whose turn it is then.
func (l *line) over(name string) string {
	l.t.Helper()
	l.order = nil
	_ = l.slots[name].Close()
	delete(l.slots, name)
	return l.news()
}

// news takes note of verdicts.
func (l *line) news() string {
	var all []string
	for w, name := range l.names {
		v, s := l.outcome(w)
		if v == waits {
			continue
		}
		delete(l.names, w)
		if s != nil {
			l.slots[name] = s
		}
		all = append(all, fmt.Sprintf("%s %s", name, [...]string{itsTurn: "sent", tooLate: "late", crowded: "crowded", stopped: "stopped"}[v]))
	}
	slices.SortFunc(all, func(a, b string) int {
		return slices.Index(l.order, a[:2]) - slices.Index(l.order, b[:2])
	})
	return strings.Join(all, ", ")
}

func (l *line) places() string {
	byPlace := map[int]string{}
	for w, name := range l.names {
		place, _ := l.place(w)
		byPlace[place] += name
	}
	var all []string
	for place := 1; len(byPlace) > 0 && place < 100; place++ {
		if name, ok := byPlace[place]; ok {
			all = append(all, fmt.Sprint(place, " ", name))
			delete(byPlace, place)
		}
	}
	return strings.Join(all, ", ")
}

func (l *line) want(what, got, want string) {
	l.t.Helper()
	if got != want {
		l.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Who has fewest downloads is next, then who came first; and the places say so.
func TestQueueIsFairBetweenClients(t *testing.T) {
	l := newLine(t, Settings{Downloads: 2, Queue: Line{N: 10}})
	l.want("1a", l.ask("1a"), "sent")
	l.want("1b", l.ask("1b"), "sent")
	for _, name := range []string{"1c", "1d", "2a", "2b", "3a"} {
		l.want(name, l.ask(name), "waits")
	}
	l.want("places", l.places(), "1 2a, 2 3a, 3 2b, 4 1c, 5 1d")
	l.want("after 1a", l.over("1a"), "2a sent")
	l.want("places then", l.places(), "1 3a, 2 1c, 3 2b, 4 1d")
	l.want("after 2a", l.over("2a"), "2b sent") // who has none any more, and came before 3
	l.want("places after that", l.places(), "1 3a, 2 1c, 3 1d")
	l.want("after 2b", l.over("2b"), "3a sent")
	l.want("after 3a", l.over("3a"), "1c sent")
	l.want("after 1b", l.over("1b"), "1d sent")
	l.want("after 1c", l.over("1c"), "")
	l.want("after 1d", l.over("1d"), "")
	if running, waiting, _, _ := l.use(); running != 0 || waiting != 0 || len(l.shares) != 0 {
		t.Errorf("%d running, %d waiting, %d clients are left", running, waiting, len(l.shares))
	}
}

// A client that has as many as it may is passed by, and goes on when one of its own ends.
func TestQueueUnderALimitOfTheClient(t *testing.T) {
	l := newLine(t, Settings{ClientDownloads: 1, Queue: Line{N: 10}})
	l.want("1a", l.ask("1a"), "sent")
	l.want("1b", l.ask("1b"), "waits")
	l.want("2a", l.ask("2a"), "sent")
	l.want("after 2a", l.over("2a"), "")
	l.want("after 1a", l.over("1a"), "1b sent")
	l.want("1c", l.ask("1c"), "waits")
	l.set(Settings{ClientDownloads: 2, Queue: Line{N: 10}})
	l.want("after the change", l.news(), "1c sent")
}

// The queue is bounded, and one client does not fill it for the others.
func TestQueueThatIsFull(t *testing.T) {
	l := newLine(t, Settings{Downloads: 1, Queue: Line{N: 3}})
	l.want("1a", l.ask("1a"), "sent")
	for _, name := range []string{"1b", "1c", "1d"} {
		l.want(name, l.ask(name), "waits")
	}
	l.want("1e", l.ask("1e"), "refused")
	l.want("2a", l.ask("2a"), "waits")
	l.want("its room", l.news(), "1d crowded")
	l.want("3a", l.ask("3a"), "waits") // of 1's two
	l.want("its room", l.news(), "1c crowded")
	l.want("4a", l.ask("4a"), "refused") // each has one
	l.want("3b", l.ask("3b"), "refused")
	l.want("after 1a", l.over("1a"), "1b sent")
}

// Nobody waits for longer than is set, and who has waited in vain is told the place; who
// leaves makes room.
func TestQueueIsLeft(t *testing.T) {
	l := newLine(t, Settings{Downloads: 1, Queue: Line{N: 5, Wait: 20 * time.Second}})
	l.want("1a", l.ask("1a"), "sent")
	l.want("2a", l.ask("2a"), "waits")
	l.now = l.now.Add(15 * time.Second)
	l.want("3a", l.ask("3a"), "waits")
	l.expire()
	l.want("before the time", l.news(), "")
	l.now = l.now.Add(6 * time.Second)
	var late *waiter
	for w, name := range l.names {
		if name == "2a" {
			late = w
		}
	}
	l.expire()
	l.want("after it", l.news(), "2a late")
	if late.place != 1 {
		t.Errorf("it was at place %d", late.place)
	}
	l.want("4a", l.ask("4a"), "waits")
	for w, name := range l.names {
		if name == "3a" {
			l.leave(w)
			delete(l.names, w)
		}
	}
	l.want("after 1a", l.over("1a"), "4a sent")
	w := l.await(nth(5))
	l.over("4a")
	l.leave(w) // it is its turn, but it does not know
	l.want("6a", l.ask("6a"), "sent")
}

// A page keeps its place from one look to the next, and its turn for a while.
func TestPageWaits(t *testing.T) {
	l := newLine(t, Settings{Downloads: 1, Queue: Line{N: 3}})
	l.want("1a", l.ask("1a"), "sent")
	p := page{nth('2'), 1}
	s, place, waiting, again := l.awaitPage(p)
	if s != nil || place != 1 || waiting != 1 || again != pageFast {
		t.Fatalf("place %d of %d, again in %v", place, waiting, again)
	}
	l.want("3a", l.ask("3a"), "waits")
	for range 100 { // much longer than anybody else may wait
		l.now = l.now.Add(pageFast + pageGrace)
		if s, place, waiting, _ = l.awaitPage(p); s != nil || place != 1 || waiting != 2 {
			t.Fatalf("place %d of %d", place, waiting)
		}
		l.patient('3')
		l.expire()
	}
	l.want("after 1a", l.over("1a"), "")
	if s, _, _, _ = l.awaitPage(p); s == nil {
		t.Fatal("it is not its turn")
	}
	l.slots["2a"] = s
	l.want("after 2a", l.over("2a"), "3a sent")

	if _, place, _, _ = l.awaitPage(page{nth('4'), 1}); place != 1 {
		t.Fatalf("place %d", place)
	}
	l.want("5a", l.ask("5a"), "waits")
	l.want("after 3a", l.over("3a"), "") // the turn of a page that nobody looks at
	l.now = l.now.Add(pageFast + pageGrace + 1)
	l.patient('5')
	l.expire()
	l.want("when it does not come", l.news(), "5a sent")
	if l.over("5a"); len(l.shares) != 0 || len(l.queue.pages) != 0 || l.running != 0 {
		t.Errorf("left are %d clients, %d pages, %d running", len(l.shares), len(l.queue.pages), l.running)
	}
}

// patient lets the first of a client wait longer, for this.
func (l *line) patient(client uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shares[nth(client)].first.until = l.now
}

// Whatever happens in whatever order: the limits hold, nobody waits who could be served,
// and in the end nothing is left.
func TestQueueAtRandom(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		settings := Settings{Downloads: random.IntN(4), ClientDownloads: random.IntN(3), Queue: Line{N: 1 + random.IntN(6)}}
		l := newLine(t, settings)
		for n := range 300 {
			switch name := fmt.Sprintf("%d%d", random.IntN(5), n); {
			case random.IntN(2) == 0:
				l.ask(name)
			case len(l.slots) > 0 && random.IntN(4) > 0:
				for name := range l.slots {
					l.over(name)
					break
				}
			case random.IntN(3) == 0:
				for w := range l.names {
					l.leave(w)
					delete(l.names, w)
					break
				}
			case random.IntN(5) == 0:
				l.now = l.now.Add(time.Duration(random.IntN(40)) * time.Second)
				l.expire()
			}
			l.news()
			l.check(seed)
		}
		for len(l.slots)+len(l.names) > 0 {
			for name := range l.slots {
				l.over(name)
			}
			for w := range l.names {
				l.leave(w)
				delete(l.names, w)
			}
			l.news()
		}
		if l.running != 0 || l.queue.waiting != 0 || len(l.shares) != 0 {
			t.Fatalf("seed %d: left are %d running, %d waiting, %d clients", seed, l.running, l.queue.waiting, len(l.shares))
		}
	}
}

func (l *line) check(seed uint64) {
	l.t.Helper()
	running, waiting := 0, 0
	for key, s := range l.shares {
		running += s.running
		n := 0
		for w := s.first; w != nil; w = w.next {
			n++
		}
		if waiting += n; n != s.waiting || n == 0 && s.running == 0 {
			l.t.Fatalf("seed %d: %v has %d running, %d waiting, %d are counted", seed, key, s.running, n, s.waiting)
		}
		if most := l.settings.ClientDownloads; most > 0 && s.running > most {
			l.t.Fatalf("seed %d: %v has %d of %d", seed, key, s.running, most)
		}
		if n > 0 && l.full(s) == "" {
			l.t.Fatalf("seed %d: %v waits for nothing", seed, key)
		}
	}
	if most := l.settings.Downloads; running != l.running || waiting != l.queue.waiting || most > 0 && running > most || waiting > l.settings.Queue.N {
		l.t.Fatalf("seed %d: %d running, %d are counted; %d waiting, %d are counted", seed, running, l.running, waiting, l.queue.waiting)
	}
	if len(l.slots) != running || len(l.names) != waiting {
		l.t.Fatalf("seed %d: %d have slots, %d run", seed, len(l.slots), running)
	}
}

func TestLineText(t *testing.T) {
	for text, want := range map[string]Line{"0": {}, "100": {N: 100}, "5,wait=20s": {N: 5, Wait: 20 * time.Second}, "5,wait=1m30s": {N: 5, Wait: 90 * time.Second}} {
		got, err := ParseLine(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v %v, as text %s", text, got, err, got)
		}
	}
	for _, text := range []string{"", "-1", "x", "10001", "5,", "5,20s", "5,wait=0", "5,wait=20", "5,wait=1ms", "0,wait=20s"} {
		if got, err := ParseLine(text); err == nil {
			t.Errorf("%s is %+v", text, got)
		}
	}
}

func TestOrdinals(t *testing.T) {
	for n, want := range map[int]string{1: "first", 3: "third", 10: "tenth", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 22: "22nd", 23: "23rd", 24: "24th", 111: "111th", 101: "101st"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// Before a stop nobody waits any more; what is being sent goes on.
func TestQueueStops(t *testing.T) {
	l := newLine(t, Settings{Downloads: 1, Queue: Line{N: 5}})
	l.want("1a", l.ask("1a"), "sent")
	l.want("2a", l.ask("2a"), "waits")
	l.awaitPage(page{nth('3'), 1})
	l.stop()
	l.want("then", l.news(), "2a stopped")
	l.want("4a", l.ask("4a"), "refused")
	if s, place, _, _ := l.awaitPage(page{nth('3'), 1}); s != nil || place != 0 {
		t.Error("a page waits")
	}
	l.want("after 1a", l.over("1a"), "")
	l.want("5a", l.ask("5a"), "sent")
}
