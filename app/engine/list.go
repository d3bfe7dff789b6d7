//go:build linux && (amd64 || arm64)

package engine

// list is a queue of connections that all wait equally long, and so end in the
// order in which they began: a deadline costs a few pointers and no timer. A
// connection is in one list at a time.
type list struct {
	first, last *Conn
	n           int
}

// push puts a connection at the end, with the time at which its wait began.
func (q *list) push(c *Conn, now int64) {
	c.leave()
	c.list, c.since, c.prev, c.next = q, now, q.last, nil
	if q.last == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
	q.n++
}

// leave takes the connection out of the list that it is in, if any.
func (c *Conn) leave() {
	q := c.list
	if q == nil {
		return
	}
	if c.prev == nil {
		q.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		q.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	q.n--
	c.list, c.prev, c.next = nil, nil, nil
}
