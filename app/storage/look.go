package storage

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A mount that fails is looked at after the first time, then after twice as long each
// time, up to the second.
const (
	lookSoonest = time.Second
	lookSeldom  = 5 * time.Second

	// relapse is how soon after it was back a mount that fails again is one that only
	// seems to be back, such as a disk whose folder is in memory.
	relapse = time.Minute
)

// lookUntilItIsBack looks at a mount that fails until that answers, or nobody uses it.
func (m *mount) lookUntilItIsBack() {
	events := m.storage.cfg.Events
	events.Error().Str("event", "storage").Str("state", "failing").Str("path", m.path).Str("error", m.reason().Error()).
		Msg("files on " + m.path + " are refused: " + m.reason().Error())
	begun, wait := time.Now(), lookSoonest
	m.mu.Lock()
	if time.Since(m.closedAt) < relapse {
		wait = lookSeldom
	}
	m.mu.Unlock()
	for ; ; wait = min(2*wait, lookSeldom) {
		m.retryAt.Store(time.Now().Add(wait).UnixNano())
		select {
		case <-m.used.Done():
			return
		case <-time.After(wait):
		}
		_, err := m.breaker.Execute(m.look)
		switch {
		case m.used.Err() != nil:
			return
		case errors.Is(err, gobreaker.ErrOpenState):
			continue
		case isFailure(err):
			m.mu.Lock()
			m.last = err
			m.mu.Unlock()
			continue
		}
		m.mu.Lock()
		m.closedAt, m.suspects = time.Now(), nil
		m.mu.Unlock()
		events.Info().Str("event", "storage").Str("state", "ok").Str("path", m.path).
			Msgf("files on %s are served again, after %v", m.path, time.Since(begun).Round(time.Second))
		return
	}
}

// look asks the mount, for as long as that takes: while it does not answer, one goroutine
// waits for it, and nobody else. One of which all slots are taken still hangs, whatever the
// kernel remembers of its folder.
func (m *mount) look() (struct{}, error) {
	if len(m.slots) == cap(m.slots) {
		return struct{}{}, errHangs
	}
	found := make(chan error, 1)
	go func() { found <- lookAt(m.path) }()
	select {
	case err := <-found:
		return struct{}{}, err
	case <-m.used.Done():
		return struct{}{}, m.used.Err()
	}
}

// lookAt opens a folder, or a file, and reads of it. That we may not is an answer, too.
func lookAt(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.IsDir() {
		return err
	}
	if _, err = f.Readdirnames(1); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
