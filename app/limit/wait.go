package limit

import (
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"fullbore/app/client"
	"fullbore/app/wire"
	"fullbore/logger"
	"fullbore/static/reply"
)

// postponer is a connection on which a request can wait without a goroutine: engine.Conn.
type postponer interface {
	Postpone(then func(left bool)) (release func())
}

// wait has a download wait for its turn: on an event loop without a goroutine, from when
// this returns; else here.
func (caps *Caps) wait(c *fiber.Ctx, w *waiter) error {
	if conn, ok := c.Context().Conn().(postponer); ok {
		caps.postpone(c, conn, w)
		return nil
	}
	return caps.sleep(c, w)
}

// postpone has the loop wait.
func (caps *Caps) postpone(c *fiber.Ctx, conn postponer, w *waiter) {
	app, ctx := c.App(), c.Context()
	resume := logger.Postpone(ctx)
	release := conn.Postpone(func(left bool) {
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		if left {
			caps.downloads.leave(w)
		} else if !caps.hasTurn(ctx, w) {
			_ = refuseWaiter(c, w) // it does not fail; see listing.AnswerProblem
		}
		resume(c)
	})
	caps.downloads.attach(w, release)
}

// lookForPeer is the time between two looks whether a client still waits, where
// connections have goroutines.
const lookForPeer = 250 * time.Millisecond

// sleep waits on the connection's goroutine.
func (caps *Caps) sleep(c *fiber.Ctx, w *waiter) error {
	decided := make(chan struct{})
	caps.downloads.attach(w, func() { close(decided) })
	look := time.NewTicker(lookForPeer)
	defer look.Stop()
	peer, ok := wire.As[interface{ PeerLeft() bool }](c.Context().Conn())
	for {
		select {
		case <-decided:
			if caps.hasTurn(c.Context(), w) {
				return nil
			}
			return refuseWaiter(c, w)
		case <-look.C:
			if ok && peer.PeerLeft() {
				caps.downloads.leave(w)
				if link, ok := wire.LinkOf(c.Context().Conn()); ok {
					link.Cut(wire.ErrLeft)
				}
				return nil
			}
		}
	}
}

// hasTurn gives the request the slot that its place in the queue has become, if it has.
func (caps *Caps) hasTurn(ctx *fasthttp.RequestCtx, w *waiter) bool {
	v, slot := caps.downloads.outcome(w)
	if v != itsTurn {
		return false
	}
	ctx.SetUserValue(slotKey, slot)
	return true
}

// refuseWaiter answers who has waited in vain.
func refuseWaiter(c *fiber.Ctx, w *waiter) error {
	takeBack(c)
	p := reply.NewProblem(fiber.StatusServiceUnavailable, rules[ruleOf(Queue)].detail)
	if w.verdict == stopped {
		p.Detail = "The server is about to stop, and starts no more downloads."
	}
	if p.Place = w.place; p.Place > 0 {
		p.Detail = "It was not your turn in time: you are " + ordinal(p.Place) + " in the queue."
	}
	return refuse(c, Queue, p, busy)
}

// isPage reports whether a person looks at what is answered, who can be told to wait.
// Browsers say that they navigate, but not to servers without TLS.
func isPage(c *fiber.Ctx) bool {
	if c.Get(fiber.HeaderRange) != "" {
		return false
	}
	if mode := c.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.HasPrefix(c.Get(fiber.HeaderUserAgent), "Mozilla/") && strings.Contains(c.Get(fiber.HeaderAccept), "text/html")
}

// pages tells paths apart.
var pages = maphash.MakeSeed()

// page answers a browser: with the file if it is its turn, else with a page that says
// which place it has and asks again.
func (caps *Caps) page(c *fiber.Ctx, key client.Key) error {
	p := page{key, maphash.Bytes(pages, c.Request().RequestURI())}
	slot, place, waiting, again := caps.downloads.awaitPage(p)
	if slot != nil {
		c.Context().SetUserValue(slotKey, slot)
		return nil
	}
	takeBack(c)
	if place == 0 {
		return Refuse(c, Queue, fiber.StatusServiceUnavailable, busy)
	}
	seconds := strconv.Itoa(int(again / time.Second))
	problem := reply.NewProblem(fiber.StatusServiceUnavailable, waitingText(waiting)+" for a download. Yours begins by itself when it is your turn, if this page stays open: it looks again every "+seconds+" seconds.")
	problem.Title, problem.Place = "You are "+ordinal(place), place
	err := refuse(c, Queue, problem, 0)
	c.Set("Refresh", seconds)
	c.Set(fiber.HeaderRetryAfter, seconds)
	return err
}

func waitingText(n int) string {
	if n == 1 {
		return "One waits"
	}
	return strconv.Itoa(n) + " wait"
}

// ordinal is first, second, third, 4th ...
func ordinal(n int) string {
	words := [...]string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
	if n >= 1 && n <= len(words) {
		return words[n-1]
	}
	suffix := "th"
	if tens := n / 10 % 10; tens != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
