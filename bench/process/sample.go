//go:build linux

// Package process is the process under measurement: started here or already
// running, sampled through /proc, and stopped again if it was started here.
package process

// This file reads one process's figures. It exists because a number from /proc
// is only worth something if it is still the same process that answers: every
// sample checks the start time, so a reused pid is not mistaken for the target.

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// ErrGone means that the process has ended since it was attached to.
var ErrGone = errors.New("target process has ended")

// Sample is what /proc said about the process at one moment.
type Sample struct {
	RSS         int64         `json:"rss_bytes"`       // VmRSS: resident set, with the binary's own pages
	Anon        int64         `json:"rss_anon_bytes"`  // RssAnon: heap and stacks, the part that can leak
	File        int64         `json:"rss_file_bytes"`  // RssFile and RssShmem: pages of files and of shared memory
	HighWater   int64         `json:"rss_high_bytes"`  // VmHWM: highest VmRSS since the process began
	Threads     int           `json:"threads"`         //
	Descriptors int           `json:"descriptors"`     // open files and sockets
	CPU         time.Duration `json:"cpu_nanoseconds"` // user + system since the process began
}

// Process is a handle on a running process. Safe for concurrent use.
type Process struct {
	PID   int
	proc  procfs.Proc
	start uint64 // clock ticks after boot; with the pid it names the process for good
}

// Attach finds a running process and proves that its figures can be read.
func Attach(pid int) (*Process, error) {
	proc, err := procfs.NewProc(pid)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no process has pid %d", pid)
	}
	if err != nil {
		return nil, fmt.Errorf("attach to pid %d: %w", pid, err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return nil, fmt.Errorf("attach to pid %d: %w", pid, err)
	}
	process := &Process{PID: pid, proc: proc, start: stat.Starttime}
	if _, err := process.Sample(); err != nil {
		return nil, fmt.Errorf("attach to pid %d: %w", pid, err)
	}
	return process, nil
}

// Sample reads the process's current figures. It returns ErrGone once the
// process has ended, whether or not its parent has reaped it.
func (p *Process) Sample() (Sample, error) { return p.sample(true) }

func (p *Process) sample(withDescriptors bool) (Sample, error) {
	stat, err := p.proc.Stat()
	if err != nil {
		return Sample{}, goneOr(err)
	}
	if stat.Starttime != p.start || stat.State == "Z" || stat.State == "X" {
		return Sample{}, ErrGone
	}
	status, err := p.proc.NewStatus()
	if err != nil {
		return Sample{}, goneOr(err)
	}
	descriptors := 0
	if withDescriptors {
		if descriptors, err = p.proc.FileDescriptorsLen(); err != nil {
			return Sample{}, goneOr(err)
		}
	}
	return Sample{
		RSS:         int64(status.VmRSS),
		Anon:        int64(status.RssAnon),
		File:        int64(status.RssFile + status.RssShmem),
		HighWater:   int64(status.VmHWM),
		Threads:     stat.NumThreads,
		Descriptors: descriptors,
		CPU:         p.cpu(stat),
	}, nil
}

// cpu prefers the process's CPU clock, which counts nanoseconds and includes
// threads that have ended; /proc/PID/stat counts ticks of 10 ms.
func (p *Process) cpu(stat procfs.ProcStat) time.Duration {
	const cpuClockSched = 2 // clock_getcpuclockid(3): ~pid<<3 | CPUCLOCK_SCHED
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.PID<<3|cpuClockSched), &ts); err == nil {
		return time.Duration(ts.Nano())
	}
	return time.Duration(stat.CPUTime() * float64(time.Second))
}

// goneOr turns the two ways in which /proc reports an ended process into ErrGone.
func goneOr(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	return err
}
