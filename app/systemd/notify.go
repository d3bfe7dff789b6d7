package systemd

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Manager notifies the service manager of the server's state. It is safe for concurrent
// use.
type Manager struct {
	trouble  func(error)
	stopping atomic.Bool
}

// NewManager returns a Manager. trouble is called if the service manager cannot be
// reached.
func NewManager(trouble func(error)) *Manager { return &Manager{trouble: trouble} }

func (m *Manager) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.trouble(err)
	}
}

// Ready says that the server serves address, with the current settings.
func (m *Manager) Ready(address string) {
	m.running(daemon.SdNotifyReady + "\nSTATUS=serving " + address)
}

// Reloading says that settings are being reloaded, until Ready.
func (m *Manager) Reloading() {
	m.running(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=reloading")
}

// running is notify until Stopping: a reload during the drain must not make the server
// count as running.
func (m *Manager) running(state string) {
	if !m.stopping.Load() {
		m.notify(state)
	}
}

// Stopping says that the server is stopping. Ready and Reloading do nothing from then
// on.
func (m *Manager) Stopping() {
	m.stopping.Store(true)
	m.notify(daemon.SdNotifyStopping)
}

// Status is a line for people.
func (m *Manager) Status(text string) { m.notify("STATUS=" + text) }

// Extend asks for that much time until the next sign of progress.
func (m *Manager) Extend(timeout time.Duration) {
	m.notify("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(timeout.Microseconds(), 10))
}

// Watchdog pings the service manager at half the interval that it requests, until ctx
// ends, whenever alive, which may take a quarter of the interval, returns nil. The error
// says that the interval is invalid; without one, Watchdog returns at once.
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
