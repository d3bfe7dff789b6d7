//go:build linux

package process

// This file sums a server's figures over its processes. It exists because nginx
// and Apache are a parent that watches and children that work: the parent alone
// would look like the best server there is.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

const (
	steadyPoll   = 250 * time.Millisecond
	steadyWithin = 15 * time.Second
	steadyChange = 0.01 // of the anonymous memory from one poll to the next
)

// Tree is a process and its descendants. Not safe for concurrent use.
type Tree struct {
	root *Process
	seen map[int]*Process // every descendant there ever was, to end those that stay behind
}

// Memory is what /proc said about a tree at one moment, bytes.
type Memory struct {
	Processes int   `json:"processes"`
	RSS       int64 `json:"rss_bytes"`      // sum of VmRSS: what processes share is counted for each
	Anon      int64 `json:"rss_anon_bytes"` // sum of RssAnon
	PSS       int64 `json:"pss_bytes"`      // proportional set: what they share is counted once
	HighWater int64 `json:"rss_high_bytes"` // sum of VmHWM
	Threads   int   `json:"threads"`        //
	Open      int   `json:"descriptors"`    // open files and sockets
}

// NewTree is the tree below a process.
func NewTree(root *Process) *Tree { return &Tree{root: root, seen: map[int]*Process{}} }

// CPU is the user and system time of all processes of the tree since they began,
// with that of children that the root has reaped. It returns ErrGone once the
// root has ended.
func (t *Tree) CPU() (time.Duration, error) {
	stat, err := t.root.proc.Stat()
	if err != nil {
		return 0, goneOr(err)
	}
	if stat.Starttime != t.root.start || stat.State == "Z" || stat.State == "X" {
		return 0, ErrGone
	}
	const tick = time.Second / 100 // USER_HZ of every Linux that Go runs on
	sum := t.root.cpu(stat) + time.Duration(stat.CUTime+stat.CSTime)*tick
	descendants, err := t.descendants()
	if err != nil {
		return 0, err
	}
	for _, process := range descendants {
		stat, err := process.proc.Stat()
		if errors.Is(goneOr(err), ErrGone) {
			continue // ended since it was listed
		}
		if err != nil {
			return 0, err
		}
		sum += process.cpu(stat)
	}
	return sum, nil
}

// Memory adds up the tree's memory. It takes some milliseconds of the kernel's
// time per process, which holds up the server meanwhile: not for hot loops.
func (t *Tree) Memory() (Memory, error) {
	var sum Memory
	if err := sum.add(t.root); err != nil {
		return Memory{}, err
	}
	descendants, err := t.descendants()
	if err != nil {
		return Memory{}, err
	}
	for _, process := range descendants {
		if err := sum.add(process); err != nil && !errors.Is(err, ErrGone) {
			return Memory{}, err
		}
	}
	return sum, nil
}

func (m *Memory) add(process *Process) error {
	sample, err := process.Sample()
	if err != nil {
		return err
	}
	rollup, err := process.proc.ProcSMapsRollup()
	if err != nil {
		return goneOr(err)
	}
	m.Processes++
	m.RSS += sample.RSS
	m.Anon += sample.Anon
	m.PSS += int64(rollup.Pss)
	m.HighWater += sample.HighWater
	m.Threads += sample.Threads
	m.Open += sample.Descriptors
	return nil
}

// Steady waits until the tree's anonymous memory and its descriptors stop changing,
// then reads its memory. It gives up waiting after 15 s and returns what there is.
func (t *Tree) Steady(ctx context.Context) (Memory, error) {
	var last Memory
	for begin := time.Now(); ; {
		now, err := t.Memory()
		if err != nil {
			return now, err
		}
		still := math.Abs(float64(now.Anon-last.Anon)) <= steadyChange*float64(last.Anon)
		if still && now.Open == last.Open || time.Since(begin) > steadyWithin {
			return now, nil
		}
		last = now
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(steadyPoll):
		}
	}
}

// Reap ends descendants that have outlived the root, and returns once they are
// gone. Call it after the root was stopped.
func (t *Tree) Reap() {
	for _, process := range t.seen {
		for deadline := time.Now().Add(stopWithin); time.Now().Before(deadline); {
			if _, err := process.Sample(); err != nil {
				break
			}
			_ = unix.Kill(process.PID, unix.SIGKILL) // fails only when it is gone
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// descendants lists the root's current descendants, and remembers them.
func (t *Tree) descendants() ([]*Process, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]procfs.ProcStat{}
	for _, proc := range all {
		stat, err := proc.Stat()
		if err != nil {
			continue // ended since it was listed
		}
		children[stat.PPID] = append(children[stat.PPID], stat)
	}
	var found []*Process
	for queue := []int{t.root.PID}; len(queue) > 0; queue = queue[1:] {
		for _, stat := range children[queue[0]] {
			queue = append(queue, stat.PID)
			process := t.seen[stat.PID]
			if process == nil || process.start != stat.Starttime {
				proc, err := procfs.NewProc(stat.PID)
				if err != nil {
					continue
				}
				process = &Process{PID: stat.PID, proc: proc, start: stat.Starttime}
				t.seen[stat.PID] = process
			}
			found = append(found, process)
		}
	}
	return found, nil
}
