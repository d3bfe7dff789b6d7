package pace

import "time"

// firstPiece, in bytes, is the most that a flow gets at once that comes between two
// sharings: a page and what belongs to it.
const firstPiece = 64 << 10

// admit takes in the flows of a stack. One gets something at once if there is something
// that the last sharing has left of all its budgets, or if little of the next one's has gone
// ahead, so that a small answer has to wait only where there is a crowd; else at the next
// one.
func (t *tree) admit(now time.Duration, news *Flow) {
	if !t.follow() {
		letGo(news)
		return
	}
	if news != nil && len(t.order) == 0 {
		t.server.rest(now)
	}
	for f := news; f != nil; {
		next := f.next
		f.next = nil
		t.enter(f, now)
		t.start(f)
		f = next
	}
	t.count(t.listed)
}

// enter puts a flow where it belongs.
func (t *tree) enter(f *Flow, now time.Duration) {
	c := t.clients[f.client]
	if c == nil {
		c = &customer{key: f.client, budget: budget{rate: float64(t.limits.Client)}}
		t.clients[f.client] = c
		t.order = append(t.order, c)
		c.budget.refill(now)
	}
	f.of, f.given, f.before = c, 0, 0
	if f.group = nil; f.rule != nil && (f.rule.Server > 0 || f.rule.Client > 0) {
		f.group = t.groupOf(c, f.rule, now)
		f.group.flows++
	}
	f.own.rest(now)
	c.flows = append(c.flows, f)
	t.listed++
}

func (t *tree) groupOf(c *customer, rule *Rates, now time.Duration) *group {
	for _, g := range c.groups {
		if g.all.rule == rule {
			return g
		}
	}
	all := t.rules[rule]
	if all == nil {
		all = &ruled{rule: rule, budget: budget{rate: float64(rule.Server)}}
		all.budget.refill(now)
		t.rules[rule] = all
	}
	all.groups++
	g := &group{all: all, of: c, budget: budget{rate: float64(rule.Client)}}
	g.budget.refill(now)
	c.groups = append(c.groups, g)
	return g
}

// start gives a flow its first piece if there is enough for it.
func (t *tree) start(f *Flow) {
	budgets := [...]*budget{&t.server, &f.of.budget, &f.own, nil, nil}
	if f.group != nil {
		budgets[3], budgets[4] = &f.group.budget, &f.group.all.budget
	}
	f.want = firstPiece
	for _, b := range budgets {
		switch {
		case b == nil || b.rate == 0:
		case b.spare:
			f.want = min(f.want, b.room())
		default:
			f.want = min(f.want, max(float64(f.asked.Load()), aheadPiece), b.ahead())
		}
	}
	if t.give(f); f.given > 0 {
		f.before = f.given
		f.give(int64(f.given))
	}
}

// ahead is what may still go of what the next sharing has.
func (b *budget) ahead() float64 { return max(b.bytes+b.rate*aheadMost.Seconds(), 0) }

// aheadMost is for how much time that is, and aheadPiece, in bytes, what one flow gets of
// it if it has not asked for more: a header, and a little behind it.
const (
	aheadMost  = 10 * time.Millisecond
	aheadPiece = 8 << 10
)

// rest is refill for a budget that nobody has used for a while.
func (b *budget) rest(now time.Duration) {
	since := now - b.at
	b.at = now
	switch {
	case b.rate == 0:
		b.filled = false
	case !b.filled:
		b.filled, b.bytes, b.spare = true, b.rests(), true
	default:
		b.bytes = min(b.bytes+b.rate*min(since, time.Second).Seconds(), b.rests())
		b.spare = true
	}
}
