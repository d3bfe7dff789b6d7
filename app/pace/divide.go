package pace

import "math"

// divide gives all that there is to those who want it. It is called again for what rules
// have left.
func (t *tree) divide(again bool) {
	for _, c := range t.order {
		for _, f := range c.flows {
			f.want = min(f.own.room(), f.wanted-f.given)
		}
	}
	if len(t.rules) > 0 {
		t.obeyRules()
	}
	t.wants, t.owed = t.wants[:0], t.owed[:0]
	for _, c := range t.order {
		c.want = 0
		for _, f := range c.flows {
			c.want += f.want
		}
		c.want = min(c.want, c.budget.room())
		t.wants, t.owed = append(t.wants, c.want), append(t.owed, c.owed)
	}
	narrow(t.wants, owedUnless(again, t.owed), t.server.room())
	for i, c := range t.order {
		c.want, c.owed = t.wants[i], t.owed[i]
	}
	for _, c := range t.order {
		t.narrowFlows(c, again)
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
		narrow(t.wants, nil, rule.budget.room())
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

// narrowFlows narrows what the flows of a client want to what that has.
func (t *tree) narrowFlows(c *customer, again bool) {
	t.wants, t.owed = t.wants[:0], t.owed[:0]
	for _, f := range c.flows {
		t.wants, t.owed = append(t.wants, f.want), append(t.owed, f.owed)
	}
	narrow(t.wants, owedUnless(again, t.owed), c.want)
	for i, f := range c.flows {
		f.want, f.owed = t.wants[i], t.owed[i]
	}
}

// narrow narrows what flows of a group want to what there is. It returns the sum.
func (t *tree) narrow(flows []*Flow, of *group, pool float64) (sum float64) {
	t.wants = t.wants[:0]
	for _, f := range flows {
		if f.group == of {
			t.wants = append(t.wants, f.want)
		}
	}
	narrow(t.wants, nil, pool)
	i := 0
	for _, f := range flows {
		if f.group == of {
			f.want = t.wants[i]
			sum += f.want
			i++
		}
	}
	return sum
}

// owedUnless is what is owed, once in a sharing.
func owedUnless(again bool, owed []float64) []float64 {
	if again {
		return nil
	}
	return owed
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
