//go:build linux

package process

// This file reads a whole service: several processes, their cgroup and what the
// program says of itself. It exists because "the server" is one process only in
// the simplest case, and because a limit that kills is a cgroup's, not a process's.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Members are listed again this often: often enough for workers that come and
// go, seldom enough not to walk /proc at every sample.
const listEvery = time.Second

// Service is everything that is measured together. Safe for concurrent
// use.
type Service struct {
	// CgroupPath is the folder of the service's memory cgroup.
	//
	// Optional. Default: empty, there is none of its own.
	CgroupPath string

	// MetricsURL serves Go's metrics in the Prometheus text format.
	//
	// Optional. Default: empty, the program exposes none.
	MetricsURL string

	roots []*Process // all of them must live

	mu      sync.Mutex
	list    func() ([]*Process, error)
	members []*Process
	listed  time.Time
	cpu     map[*Process]time.Duration // last seen of each, also of those that have ended since
}

// Full is one reading of a service. Its process figures are sums over members.
type Full struct {
	Sample
	PSS       int64      `json:"pss_bytes"` // proportional set: what processes share is counted once; 0 if it cannot be read
	Processes int        `json:"processes"`
	Cgroup    *Cgroup    `json:"cgroup,omitempty"`
	Go        *GoMetrics `json:"go,omitempty"`
}

// Processes is the service made of the given processes and their descendants.
// It is gone once one of those given has ended.
func Processes(roots ...*Process) *Service {
	trees := make([]*Tree, len(roots))
	for i, root := range roots {
		trees[i] = NewTree(root)
	}
	return &Service{roots: roots, list: func() ([]*Process, error) {
		var members []*Process
		for i, tree := range trees {
			members = join(members, roots[i])
			below, err := tree.descendants()
			if err != nil {
				return nil, err
			}
			members = join(members, below...)
		}
		return members, nil
	}}
}

// CgroupService is everything that runs in the cgroup at path, a folder below
// /sys/fs/cgroup. It is gone once nothing runs there.
func CgroupService(path string) (*Service, error) {
	known := map[int]*Process{}
	s := &Service{CgroupPath: path, list: func() ([]*Process, error) {
		pids, err := cgroupProcesses(path)
		if err != nil {
			return nil, err
		}
		var members []*Process
		for _, pid := range pids {
			if process := known[pid]; process != nil {
				if _, err := process.quick(); err == nil {
					members = append(members, process)
					continue
				}
			}
			if process, err := Attach(pid); err == nil { // else it has ended since
				known[pid] = process
				members = append(members, process)
			}
		}
		return members, nil
	}}
	if _, err := ReadCgroup(path); err != nil {
		return nil, err
	}
	if _, err := s.Quick(); err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", path, err)
	}
	return s, nil
}

// Main is the first process of the service.
func (s *Service) Main() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.roots) > 0 {
		return s.roots[0].PID
	}
	if len(s.members) > 0 {
		return s.members[0].PID
	}
	return 0
}

// Quick reads memory, threads and CPU only: what a kernel tells without holding
// up the service. It returns ErrGone once the service has ended.
func (s *Service) Quick() (Sample, error) { return s.sum((*Process).quick) }

// Counted is Quick with the open descriptors.
func (s *Service) Counted() (Sample, error) { return s.sum((*Process).Sample) }

// Read reads everything that can be read. PSS takes some milliseconds of the
// kernel's time per process: not for hot loops. Metrics that do not come are
// left out.
func (s *Service) Read(ctx context.Context) (Full, error) {
	s.mu.Lock()
	s.listed = time.Time{}
	s.mu.Unlock()
	sum, err := s.sum((*Process).Sample)
	if err != nil {
		return Full{}, err
	}
	s.mu.Lock()
	members := s.members
	s.mu.Unlock()
	full := Full{Sample: sum, Processes: len(members)}
	for _, member := range members {
		rollup, err := member.proc.ProcSMapsRollup()
		if err != nil { // not ours to read, or ended since
			full.PSS = 0
			break
		}
		full.PSS += int64(rollup.Pss)
	}
	if s.CgroupPath != "" {
		if cgroup, err := ReadCgroup(s.CgroupPath); err == nil {
			full.Cgroup = &cgroup
		}
	}
	if s.MetricsURL != "" {
		if metrics, err := ReadGoMetrics(ctx, s.MetricsURL); err == nil {
			full.Go = &metrics
		}
	}
	return full, nil
}

func (s *Service) sum(read func(*Process) (Sample, error)) (Sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.listed) > listEvery {
		members, err := s.list()
		if err != nil {
			return Sample{}, err
		}
		s.members, s.listed = members, time.Now()
	}
	var sum Sample
	alive := 0
	for _, member := range s.members {
		sample, err := read(member)
		if errors.Is(err, ErrGone) && !slices.Contains(s.roots, member) {
			continue
		}
		if err != nil {
			return Sample{}, err
		}
		alive++
		sum.add(sample)
		s.used(member, sample.CPU)
	}
	if alive == 0 {
		return Sample{}, ErrGone
	}
	// What workers used that were replaced was used: the sum never falls.
	sum.CPU = 0
	for _, used := range s.cpu {
		sum.CPU += used
	}
	return sum, nil
}

func (s *Service) used(process *Process, cpu time.Duration) {
	if s.cpu == nil {
		s.cpu = make(map[*Process]time.Duration)
	}
	s.cpu[process] = max(s.cpu[process], cpu)
}

func (s *Sample) add(more Sample) {
	s.RSS += more.RSS
	s.Anon += more.Anon
	s.File += more.File
	s.HighWater += more.HighWater
	s.Threads += more.Threads
	s.Descriptors += more.Descriptors
	s.CPU += more.CPU
}

// quick is Sample without descriptors, whose count needs a look at each of them.
func (p *Process) quick() (Sample, error) { return p.sample(false) }

// join adds processes that are not there yet, and never this one.
func join(members []*Process, more ...*Process) []*Process {
	for _, process := range more {
		same := func(other *Process) bool { return other.PID == process.PID }
		if process.PID != os.Getpid() && !slices.ContainsFunc(members, same) {
			members = append(members, process)
		}
	}
	return members
}
