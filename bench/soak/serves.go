//go:build linux

package soak

// This file notices when the wrong process is watched. It exists because a process
// that does nothing is as flat as can be: its verdict would be worth nothing and
// look like the best one there is.

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"fullbore/bench/process"
)

const (
	// enoughServed bytes cannot be sent in less CPU time than a clock of 10 ms
	// shows, which is what there is where the kernel has no better one.
	enoughServed = 1e9

	// leastCPU per GB is a tenth of what copying the bytes to a socket of the same
	// machine takes on the fastest of machines.
	leastCPU = time.Millisecond
)

// serves refuses a target that cannot be what sent the bytes: one without any CPU
// time, or with next to none and without the socket that the URL leads to.
func (m *measurement) serves(subject *subject, now process.Full) error {
	if m.served < enoughServed {
		return nil
	}
	used := now.CPU - m.idle.CPU
	if used > time.Duration(float64(leastCPU)*float64(m.served)/1e9) {
		return nil
	}
	if used > 0 && subject.service.Listens(portOf(subject.url)) != process.No {
		return nil
	}
	return fmt.Errorf("%.1f GB were served, for which the target used %v of CPU time: does it serve %s? (%s)",
		float64(m.served)/1e9, used, m.config.URL, subject.name)
}

func portOf(u *url.URL) int {
	if port, err := strconv.Atoi(u.Port()); err == nil {
		return port
	}
	return 80
}
