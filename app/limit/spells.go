package limit

import (
	"context"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/rs/zerolog"
)

// spellEnd is how long a rule refuses nothing before its spell is over.
const spellEnd = 10 * time.Second

// spells are the times for which rules refuse connections. Where nothing was asked there
// is no access record; so the beginning and the end of a spell are events. They are for
// one goroutine.
type spells struct {
	caps   *Caps
	events zerolog.Logger
	of     []spell
}

type spell struct {
	rule         string
	begun, last  time.Time // the zero time: there is none
	before, seen int64     // refusals, at the beginning and at the last look
}

func newSpells(caps *Caps, events zerolog.Logger) *spells {
	s := &spells{caps: caps, events: events}
	for _, rule := range []string{Connections, ClientConnections, Descriptors, Memory} {
		s.of = append(s.of, spell{rule: rule})
	}
	return s
}

// looked begins and ends spells.
func (s *spells) looked(now time.Time) {
	for i := range s.of {
		spell := &s.of[i]
		n := s.caps.of[ruleOf(spell.rule)].n.Load()
		goesOn := n > spell.seen || s.caps.overload.isShort(spell.rule)
		switch {
		case goesOn && spell.begun.IsZero():
			spell.begun, spell.before = now, spell.seen
			reason := s.caps.overload.reasonOf(spell.rule)
			if reason == "" {
				reason = "connections are refused: " + rules[ruleOf(spell.rule)].detail
			}
			s.event(s.events.Warn(), spell.rule, "begun").Msg(reason)
		case !goesOn && !spell.begun.IsZero() && now.Sub(spell.last) >= spellEnd:
			refused := n - spell.before
			s.event(s.events.Info(), spell.rule, "over").
				Int64("refused", refused).Float64("seconds", spell.last.Sub(spell.begun).Seconds()).
				Msgf("%s has refused %s", spell.rule, humanize.Comma(refused))
			spell.begun = time.Time{}
		}
		if goesOn {
			spell.last = now
		}
		spell.seen = n
	}
}

// event is one of a spell; client is who was refused last, where that is what counts.
func (s *spells) event(e *zerolog.Event, rule, state string) *zerolog.Event {
	e = e.Str("event", "refusing").Str("rule", rule).Str("state", state)
	if last := s.caps.gate.last.Load(); rule == ClientConnections && last != nil {
		e = e.Str("client", last.String())
	}
	return e
}

// Run looks after shortages, and tells of what is refused unasked, until ctx ends.
func (caps *Caps) Run(ctx context.Context, events zerolog.Logger) {
	caps.overload.watch(ctx, newSpells(caps, events).looked)
}

// Overloaded says why new clients are refused; "" if they are not.
func (caps *Caps) Overloaded() string {
	if reason := caps.overload.reasonOf(Memory); reason != "" {
		return reason
	}
	return caps.overload.reasonOf(Descriptors)
}
