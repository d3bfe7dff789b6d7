package limit

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/client"
	"fullbore/app/wire"
	"fullbore/static/reply"
)

// Gate is a wire.Gate that keeps connections within the caps. What it refuses is answered
// before anything was read, so that it costs little.
type Gate struct {
	caps    *Caps
	trusted func(netip.Addr) bool
	open    atomic.Int64
	clients *connections
	last    atomic.Pointer[client.Key] // who was refused for having too many
	answers [len(rules)]atomic.Pointer[answer]
}

// Enter counts a connection in all, or refuses it.
func (g *Gate) Enter(fd int) (refusal []byte) {
	if rule := g.caps.overload.enter(fd); rule != "" {
		return g.refuse(rule, fasthttp.StatusServiceUnavailable)
	}
	n, most := g.open.Add(1), g.caps.settings.Load().Connections
	if most > 0 && n > int64(most) {
		g.open.Add(-1)
		return g.refuse(Connections, fasthttp.StatusServiceUnavailable)
	}
	return nil
}

// Lingering is how many connections that were refused may linger, once Caps.Opened was
// called; see wire.Lingering.
func (g *Gate) Lingering() int32 { return g.caps.overload.lingering }

// Leave says that one has ended.
func (g *Gate) Leave() { g.open.Add(-1) }

// Count counts a connection for its client, or refuses it. Those of trusted proxies are
// of many clients, and of none.
func (g *Gate) Count(addr netip.Addr) (share wire.Share, refusal []byte) {
	most := g.caps.settings.Load().ClientConnections
	if most == 0 || g.trusted(addr) {
		return nil, nil
	}
	key := client.KeyOf(addr)
	if held := g.clients.begin(key, most); held != nil {
		return held, nil
	}
	refused := key // key itself stays off the heap
	g.last.Store(&refused)
	return nil, g.refuse(ClientConnections, fasthttp.StatusTooManyRequests)
}

// answer is what a refused connection is told within a second.
type answer struct {
	at   int64 // Unix seconds
	text []byte
}

// refuse counts a refusal, and is what is told.
func (g *Gate) refuse(rule string, status int) []byte {
	g.caps.Count(rule)
	now := time.Now()
	known := &g.answers[ruleOf(rule)]
	a := known.Load()
	if a == nil || a.at != now.Unix() {
		a = &answer{now.Unix(), canned(rule, status, now)}
		known.Store(a)
	}
	return a.text
}

// canned is a whole response with a problem document, of which RFC 9110 section 6.6.1
// wants the date.
func canned(rule string, status int, now time.Time) []byte {
	p := reply.NewProblem(status, rules[ruleOf(rule)].detail)
	p.Rule = rule
	body, _ := json.Marshal(p) // text and a number
	text := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nServer: fullbore\r\nDate: ", status, p.Title)
	text = fasthttp.AppendHTTPDate(text, now)
	text = append(text, "\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\nConnection: close\r\nRetry-After: "...)
	text = strconv.AppendInt(text, int64(busy/time.Second), 10)
	text = fmt.Appendf(text, "\r\nContent-Length: %d\r\n\r\n%s\n", len(body)+1, body)
	return text
}
