//go:build linux

package process

// This file reads memory cgroups of both versions. It exists because procfs does
// not, and a container is killed by what its cgroup counts: page cache and socket
// buffers too, not the resident set alone.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Cgroup is what a memory cgroup holds, in bytes (memory(7)-like files of
// Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
type Cgroup struct {
	Current int64 `json:"current_bytes"`
	Anon    int64 `json:"anon_bytes"`
	File    int64 `json:"file_bytes"`   // page cache, given back when memory is short
	Kernel  int64 `json:"kernel_bytes"` // slabs, stacks, page tables; 0 if not accounted
	Socket  int64 `json:"socket_bytes"` // socket buffers; 0 if not accounted
	Limit   int64 `json:"limit_bytes"`  // 0 is none
}

const cgroupRoot = "/sys/fs/cgroup"

// CgroupOf is the folder of a process's memory cgroup, empty if it is the root
// or the one that this process is in too: then its figures say little about the
// process.
func CgroupOf(pid int) string {
	path, own := memoryCgroup(strconv.Itoa(pid)), memoryCgroup("self")
	if path == own {
		return ""
	}
	if _, err := ReadCgroup(path); err != nil {
		return ""
	}
	return path
}

// memoryCgroup finds the folder in /proc/PID/cgroup: "4:memory:/x" in version 1,
// "0::/x" in version 2.
func memoryCgroup(pid string) string {
	text, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if err != nil {
		return ""
	}
	unified := ""
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || fields[2] == "/" {
			continue
		}
		switch fields[1] {
		case "memory":
			return filepath.Join(cgroupRoot, "memory", fields[2])
		case "":
			unified = filepath.Join(cgroupRoot, fields[2])
		}
	}
	return unified
}

// ReadCgroup reads the cgroup at path, of whichever version it is.
func ReadCgroup(path string) (Cgroup, error) {
	if path == "" {
		return Cgroup{}, errors.New("no memory cgroup of its own")
	}
	stat, err := cgroupStat(path)
	if err != nil {
		return Cgroup{}, err
	}
	current, err := cgroupNumber(path, "memory.current")
	if errors.Is(err, fs.ErrNotExist) {
		return readCgroup1(path, stat)
	}
	if err != nil {
		return Cgroup{}, err
	}
	limit, err := cgroupNumber(path, "memory.max")
	return Cgroup{
		Current: current, Anon: stat["anon"], File: stat["file"], Socket: stat["sock"], Limit: limit,
		Kernel: max(stat["kernel"], stat["slab"]+stat["kernel_stack"]+stat["pagetables"]),
	}, err
}

func readCgroup1(path string, stat map[string]int64) (Cgroup, error) {
	current, err := cgroupNumber(path, "memory.usage_in_bytes")
	if err != nil {
		return Cgroup{}, err
	}
	limit, err := cgroupNumber(path, "memory.limit_in_bytes")
	if err != nil {
		return Cgroup{}, err
	}
	const none = 1 << 62 // no limit is the largest number of whole pages
	if limit >= none {
		limit = 0
	}
	kernel, _ := cgroupNumber(path, "memory.kmem.usage_in_bytes") // not on every kernel
	socket, _ := cgroupNumber(path, "memory.kmem.tcp.usage_in_bytes")
	return Cgroup{Current: current, Anon: stat["total_rss"], File: stat["total_cache"], Kernel: kernel, Socket: socket, Limit: limit}, nil
}

func cgroupStat(path string) (map[string]int64, error) {
	text, err := os.ReadFile(filepath.Join(path, "memory.stat"))
	if err != nil {
		return nil, fmt.Errorf("read cgroup: %w", err)
	}
	stat := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if value, err := strconv.ParseInt(number, 10, 64); err == nil {
			stat[name] = value
		}
	}
	return stat, nil
}

// cgroupNumber reads a file with one number; "max" is 0.
func cgroupNumber(path, name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(path, name))
	if err != nil {
		return 0, fmt.Errorf("read cgroup: %w", err)
	}
	word := strings.TrimSpace(string(text))
	if word == "max" {
		return 0, nil
	}
	value, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read cgroup %s: %w", name, err)
	}
	return value, nil
}

// cgroupProcesses lists what runs in a cgroup and in those below it, as its memory
// figures count both. A cgroup below that cannot be read has just been removed, or
// holds threads of processes that are listed above.
func cgroupProcesses(path string) ([]int, error) {
	pids, err := cgroupOwn(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read cgroup: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if below, err := cgroupProcesses(filepath.Join(path, entry.Name())); err == nil {
			pids = append(pids, below...)
		}
	}
	return pids, nil
}

// cgroupOwn lists what runs in the cgroup itself.
func cgroupOwn(path string) ([]int, error) {
	text, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("read cgroup: %w", err)
	}
	var pids []int
	for word := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
