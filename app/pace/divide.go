package pace

import "math"

// divide gives all that there is to those who want it.
func (t *tree) divide() {
	for _, c := range t.order {
		for _, f := range c.flows {
			f.want = min(f.own.room(), f.wanted-f.given)
		}
	}
	if len(t.rules) > 0 {
		t.obeyRules()
	}
	for _, c := range t.order {
		c.want = t.narrow(c.flows, nil, c.budget.room())
	}
	t.wants = t.wants[:0]
	for _, c := range t.order {
		t.wants = append(t.wants, c.want)
	}
	narrow(t.wants, t.server.room())
	for i, c := range t.order {
		c.want = t.wants[i]
	}
	for _, c := range t.order {
		t.narrow(c.flows, nil, c.want)
		for _, f := range c.flows {
			t.give(f)
		}
	}
}

// obeyRules narrows what flows want to what their rules allow, to a client and to all.
func (t *tree) obeyRules() {
	for _, c := range t.order {
		for _, g := range c.groups {
			if g.want = t.narrow(c.flows, g, g.budget.room()); g.want > 0 {
				g.all.wants = append(g.all.wants, g)
			}
		}
	}
	for _, rule := range t.rules {
		t.wants = t.wants[:0]
		for _, g := range rule.wants {
			t.wants = append(t.wants, g.want)
		}
		narrow(t.wants, rule.budget.room())
		for i, g := range rule.wants {
			g.want = t.wants[i]
		}
		for _, g := range rule.wants {
			t.narrow(g.of.flows, g, g.want)
		}
		clear(rule.wants)
		rule.wants = rule.wants[:0]
	}
}

// narrow narrows what flows want to what there is, those of a group or, nil, all. It
// returns the sum.
func (t *tree) narrow(flows []*Flow, of *group, pool float64) (sum float64) {
	t.wants = t.wants[:0]
	for _, f := range flows {
		if of == nil || f.group == of {
			t.wants = append(t.wants, f.want)
		}
	}
	narrow(t.wants, pool)
	i := 0
	for _, f := range flows {
		if of == nil || f.group == of {
			f.want = t.wants[i]
			sum += f.want
			i++
		}
	}
	return sum
}

// most is what a flow is given at once that no budget limits.
const most = 1 << 40

// give gives a flow what was found that it may have.
func (t *tree) give(f *Flow) {
	n := math.Floor(min(f.want, most))
	if n <= 0 {
		return
	}
	f.given += n
	t.spend(f, n)
}
