//go:build linux

package process

// This file finds out who listens on a port. It exists because a pid is easily the
// wrong one, and only the owner of the socket can be the server.

import (
	"fmt"
	"os"
	"strings"
)

// Answer is yes, no, or not to be known from here.
type Answer int

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// Listens says whether a process of the service holds a TCP socket that listens on
// the port. It is unknown where nothing listens there in the namespace of the
// service's main process, as behind a container's published port, and where the
// descriptors of a member cannot be read.
func (s *Service) Listens(port int) Answer {
	sockets := listening(s.Main(), port)
	if len(sockets) == 0 {
		return Unknown
	}
	s.mu.Lock()
	members := s.members
	s.mu.Unlock()
	for _, member := range members {
		open, err := member.proc.FileDescriptorTargets()
		if err != nil {
			return Unknown
		}
		for _, name := range open {
			if sockets[name] {
				return Yes
			}
		}
	}
	return No
}

// listening are the sockets on a port, named as in /proc/PID/fd.
func listening(pid, port int) map[string]bool {
	const listen = "0A" // TCP_LISTEN
	sockets := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue // no such protocol here, or no such process
		}
		for row := range strings.Lines(string(text)) {
			// sl local rem st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
			fields := strings.Fields(row)
			if len(fields) > 9 && fields[3] == listen && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return sockets
}
