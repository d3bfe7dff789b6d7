package pace

// The sharing goroutine's own: who wants how much, and what there is. Each period, what
// flows have not used is taken back, budgets are filled, and all that there is is shared
// anew, from the connections up to the server and down again.

import (
	"math"
	"slices"
	"time"

	"fullbore/app/client"
)

// tree is the server's budget with all below it.
type tree struct {
	pacer   *Pacer
	limits  *Rates
	server  budget
	clients map[client.Key]*customer
	order   []*customer // those of clients; who has to wait in turns comes first
	rules   map[*Rates]*ruled
	listed  int
	mean    float64       // rate at which a byte of the last period went, in bytes per second
	pause   time.Duration // until the next sharing, as far as it can be told
	longer  float64       // by how much that is longer than the last one was

	wants  []float64 // scratch space
	owed   []float64
	behind []*customer
	after  []*Flow
}

// customer is a client with flows, or with a budget that is not full yet.
type customer struct {
	key    client.Key
	budget budget
	flows  []*Flow // who has to wait in turns comes first
	groups []*group
	want   float64
	owed   float64 // see narrow
	given  float64
}

// ruled is what all flows with the same rule share.
type ruled struct {
	rule   *Rates
	budget budget
	groups int      // that there are
	wants  []*group // that want something, of this sharing
}

// group is the flows of a customer with the same rule.
type group struct {
	all    *ruled
	of     *customer
	budget budget
	flows  int
	want   float64
}

// share is what the sharing goroutine knows of a flow.
type share struct {
	own    budget
	group  *group // nil: it has no rule
	of     *customer
	wanted float64 // in this period, in all
	want   float64 // what is left of that, and within the budgets
	owed   float64 // see narrow
	given  float64 // in this period
	before float64 // in the last one
	smooth float64 // bytes per second
	quiet  uint8   // periods in which it has sent nothing of what it had
}

func newTree(p *Pacer) *tree {
	return &tree{pacer: p, clients: map[client.Key]*customer{}, rules: map[*Rates]*ruled{}}
}

// shares reports whether there is anything to be done each period.
func (t *tree) shares() bool { return len(t.order) > 0 }

// next is when to share again, after a sharing that took so long.
func (t *tree) next(took time.Duration) time.Duration {
	return max(t.pause, min(20*took, fasterPeriod))
}

// pauseFor is the period for flows of a rate. One that has become longer stays until flows
// are much slower: a change costs a little of what is even.
func (t *tree) pauseFor(rate float64) time.Duration {
	if t.pause > period {
		rate *= 2
	}
	switch {
	case rate >= fasterFlow:
		return fasterPeriod
	case rate >= fastFlow:
		return fastPeriod
	}
	return period
}

// tick shares once. It reports whether there is more to come.
func (t *tree) tick(now time.Duration) bool {
	if !t.follow() {
		return false
	}
	since := max(now-t.server.at, time.Millisecond)
	t.pause = t.pauseFor(t.mean)
	t.longer = min(max(t.pause.Seconds()/since.Seconds(), 0.1), 10)
	t.collect()
	t.refill(now)
	t.divide(false)
	for rounds := 0; len(t.rules) > 0 && rounds < 2; rounds++ {
		t.divide(true) // what rules have left to those whom others held back
	}
	t.hand(since)
	t.settle()
	return t.shares()
}

// follow takes note of other limits. It is false, and all go on, if there are none.
func (t *tree) follow() bool {
	limits := t.pacer.limits.Load()
	if limits == nil {
		t.release()
		return false
	}
	if limits != t.limits {
		t.limits = limits
		t.server.rate = float64(limits.Server)
		for _, c := range t.order {
			c.budget.rate = float64(limits.Client)
		}
	}
	return true
}

// release lets all go.
func (t *tree) release() {
	for _, c := range t.order {
		for _, f := range c.flows {
			f.listed.Store(false)
			f.give(0)
		}
	}
	letGo(t.pacer.news.Swap(nil))
	*t = *newTree(t.pacer)
	t.count(0)
}

// letGo lets the flows of a stack go.
func letGo(f *Flow) {
	for f != nil {
		next := f.next // it may be in the stack again as soon as it is told
		f.listed.Store(false)
		f.give(0)
		f = next
	}
}

// collect takes back what flows have not used, and finds out who wants how much.
func (t *tree) collect() {
	listed := 0
	for _, c := range t.order {
		c.flows = slices.DeleteFunc(c.flows, func(f *Flow) bool {
			left := float64(f.left.Swap(0))
			t.spend(f, -left)
			stays := f.goesOn(left, t.longer)
			if !stays && f.group != nil {
				f.group.flows--
			}
			return !stays
		})
		listed += len(c.flows)
	}
	t.count(listed)
}

func (t *tree) count(listed int) {
	t.listed = listed
	t.pacer.paced.Store(int64(listed))
}

// goesOn finds out how much a flow wants that had something left, for a period that much
// longer than the last one. It is false if the flow has ended, or rests.
func (f *Flow) goesOn(left, longer float64) bool {
	used := f.before - left
	f.given = 0
	if f.quiet++; used > 0 || f.before == 0 {
		f.quiet = 0
	}
	switch {
	case f.retired.Load():
		f.listed.Store(false)
		return false
	case f.waits.Load() && f.before == 0: // what it may want beyond that is not known yet
		f.wanted = float64(f.asked.Load())
	case f.waits.Load():
		f.wanted = math.Inf(1)
	case f.before > 0 && f.quiet < quietMost: // it is slower than its share, or the machine is
		f.wanted = max(used*5/4, f.before/2, min(f.before, leastPiece)) * longer
	case f.leave():
		return false
	default:
		f.wanted = math.Inf(1)
	}
	return true
}

// quietMost is after how many periods a flow rests that has sent nothing of what it has.
const quietMost = 8

// spend takes bytes out of all budgets that a flow is within.
func (t *tree) spend(f *Flow, n float64) {
	t.server.spend(n)
	f.of.budget.spend(n)
	f.own.spend(n)
	if g := f.group; g != nil {
		g.budget.spend(n)
		g.all.budget.spend(n)
	}
}

// refill fills the budgets, and forgets those that nobody has to do with.
func (t *tree) refill(now time.Duration) {
	t.server.refill(now)
	for _, r := range t.rules {
		r.budget.refill(now)
	}
	t.order = slices.DeleteFunc(t.order, func(c *customer) bool {
		full := len(c.flows) == 0 && c.budget.isFull()
		c.budget.refill(now)
		c.groups = slices.DeleteFunc(c.groups, func(g *group) bool { return !t.refillGroup(g, now) })
		for _, f := range c.flows {
			f.own.refill(now)
		}
		if full = full && len(c.groups) == 0; full {
			delete(t.clients, c.key)
		}
		return full
	})
}

// refillGroup is false if the group is over.
func (t *tree) refillGroup(g *group, now time.Duration) bool {
	if g.flows > 0 || !g.budget.isFull() {
		g.budget.refill(now)
		return true
	}
	if g.all.groups--; g.all.groups == 0 {
		delete(t.rules, g.all.rule)
	}
	return false
}

// hand hands out what was given, and puts those first in the order who got nothing, or
// much less than others.
func (t *tree) hand(since time.Duration) {
	seconds, most, all, squares := since.Seconds(), 0.0, 0.0, 0.0
	for _, c := range t.order {
		squares += t.handTo(c, seconds)
		all += c.given
		most = max(most, c.given)
	}
	t.mean = squares / max(all, 1) / seconds
	t.behind = t.behind[:0]
	ahead := t.order[:0]
	for _, c := range t.order {
		if c.given < most/2 {
			ahead = append(ahead, c)
		} else {
			t.behind = append(t.behind, c)
		}
	}
	copy(t.order[len(ahead):], t.behind)
}

// handTo does that for the flows of a client. It returns the sum of the squares of what
// they got.
func (t *tree) handTo(c *customer, seconds float64) (squares float64) {
	most := 0.0
	c.given = 0
	for _, f := range c.flows {
		f.before = f.given
		f.note(seconds)
		most = max(most, f.given)
		c.given += f.given
	}
	t.after = t.after[:0]
	ahead := c.flows[:0]
	for _, f := range c.flows {
		if f.given < most/2 {
			ahead = append(ahead, f)
		} else {
			t.after = append(t.after, f)
		}
	}
	copy(c.flows[len(ahead):], t.after)
	for _, f := range c.flows {
		if f.given > 0 {
			f.give(int64(f.given))
			squares += f.given * f.given
		}
	}
	return squares
}

// note keeps the mean of the last second or so.
func (f *Flow) note(seconds float64) {
	rate := f.given / seconds
	if f.smooth == 0 {
		f.smooth = rate
	}
	f.smooth += (rate - f.smooth) * min(seconds, 1)
	f.rate.Store(int64(f.smooth))
}

// settle ends a period.
func (t *tree) settle() {
	t.server.settle()
	for _, r := range t.rules {
		r.budget.settle()
	}
	for _, c := range t.order {
		c.budget.settle()
		for _, g := range c.groups {
			g.budget.settle()
		}
		for _, f := range c.flows {
			f.own.settle()
		}
	}
}
