package head

import (
	"time"

	"fullbore/app/deadline"
)

// readInTime reads from the connection below for as long as the client may take, by the
// limits in force. When they change, the connection below gives up once, whatever its
// deadline is; see wire.Conn.Reconsider.
func (c *Conn) readInTime(p []byte) (int, error) {
	now := time.Now()
	c.awaits(now)
	for {
		left, broken := c.left(c.Limits.Get(), now)
		if left <= 0 {
			late := broken // so that broken is on the stack
			return 0, c.late(&late)
		}
		by, given := now.Add(left), c.waitsFor != aHead && !c.readBy.IsZero()
		if given && c.readBy.Before(by) {
			by = c.readBy
		}
		if err := c.Conn.SetReadDeadline(by); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		before := now
		now = time.Now()
		if c.waitsFor == aContent {
			c.content.body.Waited(now.Sub(before)-c.heldBack(), n > 0)
		}
		if n > 0 || !isTimeout(err) || given && !c.readBy.After(now) {
			return n, err
		}
	}
}

// late is what is wrong when nothing came in time. The connection below may have read
// something that is no part of a head.
func (c *Conn) late(err error) error {
	if below, ok := c.Conn.(interface{ Late(err error) error }); ok {
		return below.Late(err)
	}
	return err
}

// heldBack is how long the connection below has held its peer back, to keep it to a rate.
func (c *Conn) heldBack() time.Duration {
	if below, ok := c.Conn.(interface{ HeldBack() time.Duration }); ok {
		return below.HeldBack()
	}
	return 0
}

// awaits notes what is waited for, and since when.
func (c *Conn) awaits(now time.Time) {
	what := aContent
	switch c.phase {
	case atRest:
		what = aRequest
	case inHead:
		what = aHead
	}
	if c.waitsFor != what {
		c.waitsFor, c.since = what, now
	}
}

// left is how long the wait may still take, and what is wrong then.
func (c *Conn) left(l *deadline.Limits, now time.Time) (time.Duration, deadline.Error) {
	if c.waitsFor == aContent {
		return c.content.body.Left(l, c.content.received)
	}
	limit := l.Head
	if c.waitsFor == aRequest && c.head.Length > 0 { // not the first one
		limit = l.Rest
	}
	return limit - now.Sub(c.since), deadline.Error{Broken: deadline.RuleHead, Limit: limit}
}
