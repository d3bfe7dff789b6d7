package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"fullbore/static/source"
)

const (
	// opensAtOnce is how many files of one mount are opened, or read before a response
	// begins, at once, at most. Each may hold a thread for as long as the mount does not
	// answer; the others wait for less.
	opensAtOnce = 64

	// tripAfter is how many failures in a row, without anything opened between them,
	// are the mount's and not a file's.
	tripAfter = 3
)

// mount is a file system, and the breaker before it.
type mount struct {
	mountPoint
	storage *Storage
	users   int           // guarded by storage.mu
	slots   chan struct{} // one in it for each open or read that goes on
	breaker *gobreaker.CircuitBreaker[struct{}]
	broken  atomic.Bool // the breaker is not closed
	failing atomic.Bool // it has failed since it last opened something
	used    context.Context
	forget  context.CancelFunc
	retryAt atomic.Int64 // Unix nanoseconds: when it is looked at next

	mu       sync.Mutex
	last     error    // what it failed with
	suspects []string // files that could not be read since anything could
	closedAt time.Time
}

func newMount(s *Storage, found mountPoint) *mount {
	m := &mount{mountPoint: found, storage: s, slots: make(chan struct{}, opensAtOnce)}
	m.used, m.forget = context.WithCancel(context.Background())
	m.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:          found.path,
		Timeout:       lookSoonest / 2, // we decide when to look
		ReadyToTrip:   func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= tripAfter },
		IsSuccessful:  func(err error) bool { return !isFailure(err) },
		OnStateChange: m.changed,
	})
	return m
}

// errHangs is the failure of a mount that does not answer in time.
var errHangs = errors.New("no answer")

func isFailure(err error) bool {
	return source.TroubleOf(err) != source.NoTrouble || errors.Is(err, errHangs) || errors.Is(err, context.Canceled)
}

// open opens a file, unless that many are being opened that another would only wait.
func (m *mount) open(disk *source.Disk, name string) (source.File, source.Info, error) {
	if err := m.take(); err != nil {
		return nil, source.Info{}, err
	}
	if m.remote {
		return m.openAside(disk, name)
	}
	f, info, err := disk.Open(name, source.MayWait)
	<-m.slots
	m.note(name, err)
	return f, info, err
}

// take gets a slot, or refuses.
func (m *mount) take() error {
	if m.broken.Load() {
		return m.refusal()
	}
	select {
	case m.slots <- struct{}{}:
		return nil
	default:
		return m.queue()
	}
}

// Leave gives back the slot of a read, which Enter has taken.
func (m *mount) Leave(name string, err error) {
	<-m.slots
	m.note(name, err)
}

// queue waits for a slot.
func (m *mount) queue() error {
	timeout := time.NewTimer(m.storage.cfg.Timeout())
	defer timeout.Stop()
	select {
	case m.slots <- struct{}{}:
	case <-timeout.C:
		m.fail(errHangs)
		return m.refusal()
	}
	if m.broken.Load() {
		<-m.slots
		return m.refusal()
	}
	return nil
}

// opening is an open on a goroutine of its own, which may never return.
type opening struct {
	file  source.File
	info  source.Info
	err   error
	done  chan struct{}
	ended atomic.Bool // the open, or the wait for it
}

// openAside opens a file on a goroutine that is left alone if it takes too long. It has a
// slot, which is given back when the call returns.
func (m *mount) openAside(disk *source.Disk, name string) (source.File, source.Info, error) {
	o := &opening{done: make(chan struct{})}
	go func() {
		o.file, o.info, o.err = disk.Open(name, source.MayWait)
		<-m.slots
		m.note(name, o.err)
		if o.ended.Swap(true) && o.err == nil {
			_ = o.file.Close() // nobody waits for it any more
			return
		}
		close(o.done)
	}()
	timeout := time.NewTimer(m.storage.cfg.Timeout())
	defer timeout.Stop()
	select {
	case <-o.done:
		return o.file, o.info, o.err
	case <-timeout.C:
	}
	if o.ended.Swap(true) { // at the last moment
		<-o.done
		return o.file, o.info, o.err
	}
	m.fail(errHangs)
	return nil, source.Info{}, m.refusal()
}

// glance looks at the mount's top, on a goroutine that is left alone if it takes too long.
// The error says that it does not answer.
func (m *mount) glance() error {
	if err := m.take(); err != nil {
		return err
	}
	found := make(chan struct{})
	go func() {
		_, err := os.Lstat(m.path)
		<-m.slots
		m.note(m.path, err)
		close(found)
	}()
	timeout := time.NewTimer(m.storage.cfg.Timeout())
	defer timeout.Stop()
	select {
	case <-found:
		return nil
	case <-timeout.C:
		m.fail(errHangs)
		return m.refusal()
	}
}

// note counts how an open went.
func (m *mount) note(name string, err error) {
	switch source.TroubleOf(err) {
	case source.OfStorage:
		m.fail(err)
	case source.OfTheFile:
		if m.suspect(name) {
			m.fail(err)
		}
	case source.NoTrouble:
		if err == nil && m.failing.Load() {
			m.recovered()
		}
	}
}

// suspect reports whether a file that cannot be read is another one than those before it:
// one with a bad block is not the end of its disk, however often it is asked for.
func (m *mount) suspect(name string) (another bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.suspects, name) {
		return false
	}
	if len(m.suspects) < tripAfter {
		m.suspects = append(m.suspects, strings.Clone(name))
	}
	m.failing.Store(true)
	return true
}

// fail counts a failure of the mount.
func (m *mount) fail(err error) {
	m.mu.Lock()
	m.last = err
	m.mu.Unlock()
	m.failing.Store(true)
	m.count(err)
}

// recovered ends a row of failures.
func (m *mount) recovered() {
	m.mu.Lock()
	m.suspects = nil
	m.mu.Unlock()
	m.failing.Store(false)
	m.count(nil)
}

// count tells the breaker, which does not listen while it is open.
func (m *mount) count(err error) {
	if !m.broken.Load() {
		_, _ = m.breaker.Execute(func() (struct{}, error) { return struct{}{}, err })
	}
}

// changed is called by the breaker, which is locked meanwhile.
func (m *mount) changed(_ string, from, to gobreaker.State) {
	m.broken.Store(to != gobreaker.StateClosed)
	if from == gobreaker.StateClosed {
		m.storage.trips.Add(1)
		m.retryAt.Store(time.Now().Add(lookSoonest).UnixNano())
		go m.lookUntilItIsBack()
	}
}

func (m *mount) reason() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(m.last, errHangs) {
		return fmt.Errorf("%w within %v", errHangs, m.storage.cfg.Timeout())
	}
	return m.last
}

// Refusal is the error of a file whose mount does not answer, or fails.
type Refusal struct {
	Path       string // of the mount, or of what is served if that is all of it
	Reason     error
	RetryAfter time.Duration
}

// Error says which mount it is, and what is wrong with it.
func (r *Refusal) Error() string { return "storage " + r.Path + ": " + r.Reason.Error() }

func (m *mount) refusal() *Refusal {
	left := time.Until(time.Unix(0, m.retryAt.Load()))
	if left <= 0 { // it is being looked at, and does not answer
		left = lookSeldom
	}
	return &Refusal{Path: m.path, Reason: m.reason(), RetryAfter: left}
}
