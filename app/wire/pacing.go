package wire

import "sync/atomic"

// Allowance is how much may cross a connection that is held to a rate. Take, Return and
// Wait are for whoever sends or reads at the time; Wake and Rate for any goroutine.
type Allowance interface {
	// Take takes bytes that may go now, at most so many; 0 says that it has to be
	// waited. Return gives back what was not used of them.
	Take(most int64) int64
	Return(n int64)

	// Wait waits, after a Take that gave nothing, until another one may give something.
	// It may return early, and does after Wake.
	Wait()
	Wake()

	// End says that the connection has ended, and will take no more.
	End()

	// Rate is how much is allowed at present, in bytes per second, about.
	Rate() int64
}

// Waker is told that there is more to take by an Allowance for which nobody waits.
type Waker interface{ Wake() }

// Pacing is a connection's Allowance, which may be exchanged for another at any time from
// any goroutine. The zero value is that the connection is not held to a rate.
type Pacing struct{ allowance atomic.Pointer[Allowance] }

// Pace holds the connection to a rate; nil lets it go as fast as it can. Who waits for the
// Allowance that was there has to be woken.
func (p *Pacing) Pace(a Allowance) {
	if a == nil {
		p.allowance.Store(nil)
		return
	}
	p.allowance.Store(&a)
}

// Allowance is what the connection is held to; nil is nothing.
func (p *Pacing) Allowance() Allowance {
	if a := p.allowance.Load(); a != nil {
		return *a
	}
	return nil
}

func (p *Pacing) place() *Pacing { return p }

// take waits until some of most bytes may go, and takes them. What is not used of them
// has to go back to a, if that is not nil. On a connection that was cut all may go: it
// fails.
func (p *Pacing) take(most int, cut *cut) (n int, a Allowance) {
	for {
		a := p.Allowance()
		if a == nil || most == 0 || cut.done() {
			return most, nil
		}
		if n := a.Take(int64(most)); n > 0 {
			return int(n), a
		}
		a.Wait()
	}
}
