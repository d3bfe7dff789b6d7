//go:build linux && (amd64 || arm64)

package engine

import (
	"encoding/binary"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// message tells a loop something from another goroutine.
type message struct {
	conn     *Conn
	what     notice
	progress progress             // of sentCold, answered and closedAside
	end      bool                 // of closedAside: the connection ends
	response *response            // of answered
	fd       int                  // of cameBack
	ctx      *fasthttp.RequestCtx // of postponedAside
	persists bool                 // likewise: the connection does
}

// notice is what a message is about.
type notice uint8

const (
	lookAgain      notice = iota // it was cut or retired, or what was postponed may go on
	postponedAside               // a handler is done, and its request waits
	sentCold                     // a piece was sent
	closedAside                  // a response is over
	answered                     // a handler is done
	cameBack                     // fasthttp has served it, and it rests
	wentAway                     // fasthttp has served it, and it is closed
	moreAllowed                  // more may be sent
	ofTheListener                // it is closed, or wants to know whether we accept
)

// tell leaves a message for the loop, which may be over. It may be called from any
// goroutine.
func (l *loop) tell(m message) {
	l.inbox.Lock()
	defer l.inbox.Unlock()
	if l.inbox.over {
		return
	}
	l.inbox.messages = append(l.inbox.messages, m)
	if l.inbox.asleep { // under the lock, or close could come between
		l.inbox.asleep = false
		l.poke()
	}
}

func (l *loop) poke() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(l.wake, one[:]) // full: it is awake
}

// told deals with a message.
func (l *loop) told(m message, number uint64) bool {
	c := m.conn
	switch m.what {
	case ofTheListener:
		l.listenerSays()
		return true
	case wentAway:
		c.is |= closed // or a late Cut would close a descriptor that has been reused
		c.comeBack()
		l.open--
		return true
	case cameBack:
		l.takeBack(c, m.fd)
	case sentCold:
		c.comeBack()
		l.worked(c, m.progress)
	case closedAside:
		c.comeBack()
		if m.progress == broken {
			l.shut(c)
		} else if !l.finished(c, m.end) {
			return true
		}
	case answered:
		c.comeBack()
		if m.response.streamed {
			l.streamAside(c, m.response)
			return true
		}
		c.out = m.response
		l.worked(c, m.progress)
	case postponedAside:
		c.comeBack()
		l.postpone(c, m.ctx, m.persists)
	case lookAgain:
		c.lookAgain()
	}
	return l.goOn(c, number)
}

// lookAgain has a connection that was retired look whether it ends.
func (c *Conn) lookAgain() {
	if !c.has(closed) && !c.away.Load() && c.end == notEnding && c.mayEnd() {
		c.is |= readable // what came meanwhile is not thrown away
	}
}

// worked goes on with a response that a goroutine has worked on.
func (l *loop) worked(c *Conn, how progress) {
	switch {
	case how == broken:
		l.broken(c)
	case how != full:
		c.is |= writable
	case !c.has(writable): // else there is room again by now
		l.block(c)
	}
}
