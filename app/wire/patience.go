package wire

import (
	"errors"
	"os"
	"time"

	"fullbore/app/deadline"
)

// patience is the rule that a peer must keep taking bytes, and the one of how fast, if
// there is one. It is for the writing goroutine.
type patience struct {
	limits    *deadline.Current // the listener's
	armed     time.Time         // when the write deadline now set will pass
	progress  time.Time         // when the peer was last seen to take a byte
	delivered int64             // what it had taken then
	track     deadline.Track    // how fast it takes what it is sent
}

// begin starts a write, of which the kernel took written on the connection so far: the
// peer is given the whole idle timeout anew. The
// deadline in the poller is moved only when the one that is set comes before
// the next look, since moving it costs more than a small write's bookkeeping.
func (p *patience) begin(sock socket, written int64) {
	now := time.Now()
	p.progress = now
	limits := p.limits.Get()
	if tick := tickOf(limits); p.armed.Sub(now) < tick/2 {
		p.arm(sock, now.Add(tick))
	}
	if limits.Download > 0 {
		p.track.Resume(now.UnixNano(), written-sock.queued())
	}
}

func (p *patience) timeout() time.Duration { return p.limits.Get().Idle }

func tickOf(l *deadline.Limits) time.Duration { return max(l.Look(), time.Millisecond) }

func (p *patience) arm(sock socket, at time.Time) {
	p.armed = at
	// It fails only on a closed connection, and then the write says so.
	_ = sock.SetWriteDeadline(at)
}

// errCarryOn says that the deadline passed while the peer was still taking bytes.
var errCarryOn = errors.New("carry on")

// judge turns a passed deadline into errCarryOn as long as the peer took
// something within the idle timeout, and fast enough, and into a *deadline.Error when it
// did not. Other errors pass through. written is what the kernel took on the connection.
func (p *patience) judge(sock socket, written int64, err error) error {
	limits := p.limits.Get()
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		if limits.Download > 0 {
			p.track.Pause(time.Now().UnixNano())
		}
		return err
	}
	now := time.Now()
	// Progress is what the peer acknowledged, not what fits into our socket: a
	// socket may be fuller than its limit, and then has no room yet although
	// the peer took something.
	delivered := written - sock.queued()
	if delivered != p.delivered {
		p.delivered, p.progress = delivered, now
	}
	if now.Sub(p.progress) >= limits.Idle {
		return &deadline.Error{Broken: deadline.RuleIdle, Limit: limits.Idle}
	}
	if limits.Download > 0 && p.track.Slow(limits, now.UnixNano(), delivered) {
		return &deadline.Error{Broken: deadline.RuleDownload, Least: limits.Download}
	}
	p.arm(sock, now.Add(tickOf(limits)))
	return errCarryOn
}
