package watch

// The rule on growth; the package comment has the reasons.

const (
	stretchBytes   = 256 << 10 // the least that is served in a stretch of the finest scale
	stretchSamples = 6         // the least samples in one
	window         = 16        // stretches that are judged together
	coarser        = 4         // stretches that make one of the next scale
	scales         = 8         // the coarsest stretch is 4^7 of the finest: days at least
	warmUp         = 4         // stretches after the start that do not count: pools fill

	leastTau  = 0.9
	lastThird = 1.0 / 4 // the least share of the rise in the last third of a window
	oneStep   = 1.0 / 2 // the largest share of one step
)

// growth watches one figure, such as the live heap.
type growth struct {
	what          string                // for people
	unit          func(float64) string  // writes an amount for people
	read          func(*Sample) float64 // the figure; negative: not known
	perConnection float64               // what one connection explains
	lately        bool                  // those of the last half minute explain it, too
	floor         float64               // a rise over a window of up to this is nothing
	floorShare    float64               // nor is one of up to this share of where the window began

	open   stretch
	seen   int // finished stretches of the finest scale
	scales [scales]scale
	rising *rise // nil: nothing rises
}

// stretch is what has been seen since the last one ended.
type stretch struct {
	begun       bool
	served      int64 // when it began
	collections int64
	samples     int
	raw, rest   float64 // the lowest reading: whole, and less what connections explain
}

// scale is the latest stretches of one length, oldest first.
type scale struct {
	raw, rest []point
	pending   int // how many of them the next scale has not seen
}

// rise is a window that rises.
type rise struct {
	Points  []point `json:"stretches"` // less what connections explain
	PerGB   float64 `json:"per_gb"`
	Total   float64 `json:"total"`
	Served  int64   `json:"bytes_served"` // over the window
	What    string  `json:"what"`
	Scale   int     `json:"scale"`
	unit    func(float64) string
	allowed float64
}

// add takes a sample; allowed is the growth per GB that is none. It reports
// whether the rule's answer may have changed.
func (g *growth) add(s *Sample, allowed float64) bool {
	raw := g.read(s)
	if raw < 0 {
		return false
	}
	connections := s.Connections
	if g.lately {
		connections = max(connections, s.Peak)
	}
	rest := raw - g.perConnection*float64(connections)
	if g.cameBack(rest) {
		g.reset()
		return true
	}
	o := &g.open
	if !o.begun {
		*o = stretch{begun: true, served: s.Served, collections: s.Collections, raw: raw, rest: rest}
	}
	o.samples++
	if raw < o.raw {
		o.raw, o.rest = raw, rest
	}
	if s.Served-o.served < stretchBytes || o.samples < stretchSamples || s.Collections == o.collections {
		return false
	}
	done := *o
	// The same sample ends one and begins the next, or what is served between
	// them would be nobody's.
	*o = stretch{begun: true, served: s.Served, collections: s.Collections, raw: raw, rest: rest}
	if g.seen++; g.seen <= warmUp {
		return false
	}
	g.push(0, point{s.Served, done.raw}, point{s.Served, done.rest})
	g.judge(allowed)
	return true
}

// cameBack reports whether half of what rose is gone again.
func (g *growth) cameBack(rest float64) bool {
	return g.rising != nil && rest < g.rising.Points[0].Lowest+g.rising.Total/2
}

// reset forgets all windows: they would still show what is over.
func (g *growth) reset() {
	g.open, g.scales, g.rising = stretch{}, [scales]scale{}, nil
}

// push adds a stretch to a scale, and with it, when there are enough, one to the
// next.
func (g *growth) push(level int, raw, rest point) {
	s := &g.scales[level]
	s.raw, s.rest = pushPoint(s.raw, raw), pushPoint(s.rest, rest)
	if s.pending++; s.pending < coarser || level+1 == scales {
		return
	}
	s.pending = 0
	g.push(level+1, merge(s.raw), merge(s.rest))
}

// pushPoint keeps a window's worth.
func pushPoint(points []point, p point) []point {
	if len(points) == window {
		copy(points, points[1:])
		points = points[:window-1]
	}
	return append(points, p)
}

// merge makes one stretch of the latest ones.
func merge(points []point) point {
	latest := points[len(points)-coarser:]
	m := latest[coarser-1]
	for _, p := range latest {
		m.Lowest = min(m.Lowest, p.Lowest)
	}
	return m
}

// judge looks for a scale whose window rises, the finest first.
func (g *growth) judge(allowed float64) {
	g.rising = nil
	for level := range g.scales {
		s := &g.scales[level]
		if _, raw := g.rises(s.raw, allowed); !raw {
			continue
		}
		if r, rest := g.rises(s.rest, allowed); rest {
			r.Scale = level
			g.rising = &r
			return
		}
	}
}

// rises is the rule.
func (g *growth) rises(points []point, allowed float64) (rise, bool) {
	if len(points) < window || tau(points) < leastTau {
		return rise{}, false
	}
	slope := theilSen(points)
	first, last := points[0], points[window-1]
	served := last.Served - first.Served
	total := slope * float64(served)
	r := rise{
		Points: append([]point(nil), points...), PerGB: slope * 1e9, Total: total, Served: served,
		What: g.what, unit: g.unit, allowed: allowed,
	}
	whole := last.Lowest - first.Lowest
	recent := last.Lowest - points[window-1-window/3].Lowest
	return r, r.PerGB > allowed &&
		total > max(g.floor, g.floorShare*first.Lowest) &&
		largestStep(points) <= oneStep*whole &&
		recent >= lastThird*whole
}

// String says what rises, for people.
func (r *rise) String() string {
	text := r.What + " beyond what connections explain rose by " + r.unit(r.Total) + " while " +
		bytesText(float64(r.Served)) + " were served, " + r.unit(r.PerGB) + " per GB"
	if r.allowed > 0 {
		text += " (allowed: " + r.unit(r.allowed) + ")"
	}
	return text
}

// forget makes all rules on growth begin anew.
func (w *Watch) forget() {
	const mib = 1 << 20
	// What a connection holds at most in buffers, stacks and its descriptor, and
	// a download as well, rounded up.
	const connection = 40 << 10
	memory := func(what string, read func(*Sample) float64) *growth {
		return &growth{what: what, unit: bytesText, read: read, perConnection: connection, floor: 16 * mib, floorShare: 0.1}
	}
	count := func(what string, read func(*Sample) float64) []*growth {
		return []*growth{{what: what, unit: countText, read: read, perConnection: 2, floor: 64}}
	}
	goroutines := count("goroutines", func(s *Sample) float64 { return float64(s.Goroutines) })
	goroutines[0].lately = true // descriptors are closed at once
	w.growth = map[Rule][]*growth{
		ruleMemoryGrowth: {
			memory("resident memory", func(s *Sample) float64 { return float64(s.Anonymous) }),
			memory("live heap", func(s *Sample) float64 { return float64(s.Heap) }),
		},
		ruleGoroutineGrowth:  goroutines,
		ruleDescriptorGrowth: count("descriptors", func(s *Sample) float64 { return float64(s.Descriptors) }),
	}
}
