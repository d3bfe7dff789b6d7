package systemd

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Manager is the service manager that is told how the server fares. It is safe
// for concurrent use.
type Manager struct {
	trouble  func(error)
	stopping atomic.Bool
}

// NewManager makes a Manager. trouble is told when it cannot be reached.
func NewManager(trouble func(error)) *Manager { return &Manager{trouble: trouble} }

func (m *Manager) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.trouble(err)
	}
}

// Ready says that clients are answered on address, with the settings in force.
func (m *Manager) Ready(address string) {
	m.running(daemon.SdNotifyReady + "\nSTATUS=serving " + address)
}

// Reloading says that settings are read anew, until Ready.
func (m *Manager) Reloading() {
	m.running(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=reloading")
}

// running is notify until Stopping: a reload during the drain does not make it
// a server that runs.
func (m *Manager) running(state string) {
	if !m.stopping.Load() {
		m.notify(state)
	}
}

// Stopping says that the end has begun. Ready and Reloading say nothing from
// then on.
func (m *Manager) Stopping() {
	m.stopping.Store(true)
	m.notify(daemon.SdNotifyStopping)
}

// Status is a line for people.
func (m *Manager) Status(text string) { m.notify("STATUS=" + text) }

// Extend asks for that much time before the next sign of progress is due.
func (m *Manager) Extend(timeout time.Duration) {
	m.notify("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(timeout.Microseconds(), 10))
}

// Watchdog sends signs of life at half of the interval that the manager asks
// for, until ctx ends: each only when alive, which may take a quarter of the
// interval, returns nil. The error is that the manager's wish is not understood;
// if it has none, Watchdog returns at once.
func (m *Manager) Watchdog(ctx context.Context, alive func(context.Context) error) error {
	interval, err := daemon.SdWatchdogEnabled(false)
	if interval == 0 || err != nil {
		return err
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			m.ping(ctx, interval/4, alive)
		}
	}
}

func (m *Manager) ping(ctx context.Context, timeout time.Duration, alive func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if alive(ctx) == nil {
		m.notify(daemon.SdNotifyWatchdog)
	}
}
