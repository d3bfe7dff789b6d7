package app

import (
	"strings"
	"sync/atomic"

	"fullbore/app/client"
	"fullbore/app/config"
	"fullbore/app/metrics"
	"fullbore/app/pace"
	"fullbore/app/transfer"
	"fullbore/app/wire"
	"fullbore/logger"
	"fullbore/static"
)

// rates hold the connections of requests to what the config says. They are safe for
// concurrent use.
type rates struct {
	pacer     *pace.Pacer
	transfers *transfer.Registry
	basePath  string
	now       atomic.Pointer[bandwidth]
}

// bandwidth is what a config says.
type bandwidth struct {
	pace.Rates
	rules []rateRule
}

// rateRule is what it says of some paths.
type rateRule struct {
	pattern static.Rule
	pace.Rates
}

func newRates(cfg *config.Config, transfers *transfer.Registry) *rates {
	r := &rates{pacer: pace.New(), transfers: transfers, basePath: cfg.BasePath}
	r.set(&cfg.Bandwidth)
	return r
}

// set changes the rates, also of responses that are being sent.
func (r *rates) set(b *config.Bandwidth) {
	next := &bandwidth{Rates: pace.Rates{Server: int64(b.Server), Client: int64(b.Client), Connection: int64(b.Connection)}}
	for _, rule := range b.RateRules() {
		next.rules = append(next.rules, rateRule{static.Rule{Pattern: rule.Pattern}, pace.Rates{Server: rule.Server, Client: rule.Client, Connection: rule.Connection}})
	}
	if was := r.now.Swap(next); was != nil && was.isEmpty() && next.isEmpty() {
		return
	}
	if next.isEmpty() {
		r.pacer.Set(nil)
	} else {
		r.pacer.Set(&next.Rates)
	}
	r.transfers.Each(r.hold) // those that begin meanwhile see it by themselves
}

func (b *bandwidth) isEmpty() bool { return b.None() && len(b.rules) == 0 }

// begin holds a request's connection to its rate, or lets it go.
func (r *rates) begin(result *logger.Result) {
	if r.pacer.On() {
		r.hold(result)
	}
}

// paced is a connection that can be held to a rate.
type paced interface {
	Pace(a wire.Allowance)
	Allowance() wire.Allowance
}

func (r *rates) hold(result *logger.Result) {
	conn, ok := result.Conn.(paced)
	if !ok {
		return
	}
	now := r.now.Load()
	of, rule := client.KeyOf(result.Remote), (*pace.Rates)(nil)
	if len(now.rules) > 0 {
		rule = now.ruleFor(r.nameOf(result.Path))
	}
	old, _ := conn.Allowance().(*pace.Flow)
	switch {
	case now.None() && rule == nil:
		if old == nil {
			return
		}
		conn.Pace(nil)
	case old != nil && old.Is(of, rule):
		return
	default:
		conn.Pace(r.pacer.Flow(of, rule, wakerOf(conn)))
	}
	if old != nil {
		old.Retire()
	}
}

// wakerOf is an event loop's connection, also while a goroutine has it: the flow stays
// when it goes back. It is nil if there is no loop.
func wakerOf(conn paced) pace.Waker {
	if lent, ok := conn.(interface{ Carrier() wire.Waker }); ok {
		return lent.Carrier()
	}
	waker, _ := conn.(pace.Waker)
	return waker
}

// nameOf is the name that a path stands for, below the root.
func (r *rates) nameOf(path []byte) string {
	return strings.Trim(strings.TrimPrefix(string(path), r.basePath), "/")
}

// ruleFor is the first rule for a name; nil if there is none.
func (b *bandwidth) ruleFor(name string) *pace.Rates {
	for i := range b.rules {
		if rule := &b.rules[i]; rule.matches(name) {
			return &rule.Rates
		}
	}
	return nil
}

// matches reports whether the rule is for a name: by pattern, or because it is that of
// a folder or of something below it.
func (r *rateRule) matches(name string) bool {
	folder, ok := strings.CutSuffix(strings.TrimPrefix(r.pattern.Pattern, "/"), "/")
	if !ok {
		return r.pattern.Pattern == "/" || r.pattern.Matches(name)
	}
	rest, below := strings.CutPrefix(name, folder)
	return below && (rest == "" || rest[0] == '/')
}

// counts is what the metrics say of them.
func (r *rates) counts() metrics.Rates {
	now := r.now.Load()
	return metrics.Rates{Server: now.Server, Client: now.Client, Connection: now.Connection, Paced: r.pacer.Paced()}
}

func (r *rates) close() {
	if r != nil {
		r.pacer.Close()
	}
}
