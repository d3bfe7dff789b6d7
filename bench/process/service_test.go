//go:build linux

package process

// This file reads services of real processes, a real cgroup where there is one,
// and metrics from a real listener.

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shell starts a script, which ends with the test, as do its children.
func shell(t *testing.T, script string) (*exec.Cmd, *Service) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	root, err := Attach(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	service := Processes(root)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, member := range service.members {
			if process, err := os.FindProcess(member.PID); err == nil {
				_ = process.Kill()
			}
		}
	})
	return cmd, service
}

// sleepers starts a shell with two children and returns once both are there.
func sleepers(t *testing.T) (*exec.Cmd, *Service) {
	t.Helper()
	cmd, service := shell(t, "sleep 60 & sleep 60 & wait")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if full, err := service.Read(t.Context()); err != nil || full.Processes == 3 {
			return cmd, service
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no children")
	return nil, nil
}

func TestServiceIsTheSumOfItsProcesses(t *testing.T) {
	_, service := sleepers(t)
	full, err := service.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sum Sample
	for _, member := range service.members {
		sample, err := member.Sample()
		if err != nil {
			t.Fatal(err)
		}
		sum.add(sample)
	}
	if full.Processes != 3 || full.Threads != 3 || full.RSS != sum.RSS || full.Descriptors != sum.Descriptors {
		t.Errorf("%+v, want three processes with %+v", full, sum)
	}
	if full.PSS <= 0 || full.PSS >= full.RSS {
		t.Errorf("PSS %d, want less than the RSS of %d that counts shared pages thrice", full.PSS, full.RSS)
	}
	if quick, err := service.Quick(); err != nil || quick.Descriptors != 0 || quick.RSS != sum.RSS {
		t.Errorf("quick: %+v, %v", quick, err)
	}
}

func TestServiceIsGoneWithItsRootAndNotWithAWorker(t *testing.T) {
	cmd, service := sleepers(t)
	worker, err := os.FindProcess(service.members[1].PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Read(t.Context()); err != nil {
		t.Errorf("a worker has ended: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := service.Read(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("error %v, want %v", err, ErrGone)
	}
}

func TestThisProcessIsNeverPartOfTheService(t *testing.T) {
	parent, err := Attach(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	service := Processes(parent)
	if _, err := service.Quick(); err != nil {
		t.Fatal(err)
	}
	for _, member := range service.members {
		if member.PID == os.Getpid() {
			t.Error("the harness would measure itself")
		}
	}
}

func TestCgroupFilesOfBothVersions(t *testing.T) {
	write := func(files map[string]string) string {
		folder := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return folder
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  Cgroup
	}{
		{"2", map[string]string{
			"memory.stat": "anon 100\nfile 200\nkernel 30\nsock 4\nslab 5\n", "memory.current": "340\n", "memory.max": "1000\n",
		}, Cgroup{Current: 340, Anon: 100, File: 200, Kernel: 30, Socket: 4, Limit: 1000}},
		{"2, older, without a limit", map[string]string{
			"memory.stat": "anon 100\nfile 200\nkernel_stack 1\nslab 5\npagetables 2\n", "memory.current": "340\n", "memory.max": "max\n",
		}, Cgroup{Current: 340, Anon: 100, File: 200, Kernel: 8}},
		{"1", map[string]string{
			"memory.stat": "cache 1\ntotal_cache 200\ntotal_rss 100\n", "memory.usage_in_bytes": "340\n",
			"memory.limit_in_bytes": "9223372036854771712\n", "memory.kmem.usage_in_bytes": "7\n",
		}, Cgroup{Current: 340, Anon: 100, File: 200, Kernel: 7}},
	} {
		if got, err := ReadCgroup(write(c.files)); err != nil || got != c.want {
			t.Errorf("version %s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	if _, err := ReadCgroup("/nonexistent"); err == nil {
		t.Error("a cgroup that does not exist was read")
	}
	if _, err := ReadCgroup(""); err == nil {
		t.Error("no cgroup was read")
	}
}

func TestGoMetrics(t *testing.T) {
	serve := func(text string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	got, err := ReadGoMetrics(t.Context(), serve(`# TYPE go_goroutines gauge
go_goroutines 12
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0.5"} 0.1
go_gc_duration_seconds_sum 0.25
go_gc_duration_seconds_count 7
# TYPE go_memstats_heap_alloc_bytes gauge
go_memstats_heap_alloc_bytes 1.048576e+06
# TYPE go_memstats_alloc_bytes_total counter
go_memstats_alloc_bytes_total 5e+09
go_memstats_mallocs_total 99
`))
	want := GoMetrics{Heap: 1 << 20, Goroutines: 12, GCs: 7, GCPause: 250 * time.Millisecond, Allocated: 5e9, Mallocs: 99}
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if _, err := ReadGoMetrics(t.Context(), serve("up 1\n")); err == nil || !strings.Contains(err.Error(), "none of Go's") {
		t.Errorf("metrics of another program: %v", err)
	}
	if _, err := ReadGoMetrics(t.Context(), serve("<html>")); err == nil {
		t.Error("a page was read as metrics")
	}
}

func TestCPUTimeOfReplacedWorkersIsKept(t *testing.T) {
	_, service := shell(t, "while [ $((i += 1)) -lt 1000000 ]; do :; done & sleep 60 & wait")
	var highest time.Duration
	most := 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		full, err := service.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if full.CPU < highest {
			t.Fatalf("CPU time fell from %v to %v when a process had ended", highest, full.CPU)
		}
		highest, most = full.CPU, max(most, full.Processes)
		if most == 3 && full.Processes == 2 {
			return // the worker has ended, and what it used still counts
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never more than %d processes, or none has ended", most)
}

func TestProcessesOfCgroupsBelowAreListed(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"cgroup.procs": "", "a/cgroup.procs": "11\n", "a/b/cgroup.procs": "12\n13\n", "c/other": "14\n"} {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	pids, err := cgroupProcesses(folder)
	if err != nil || !slices.Equal(pids, []int{11, 12, 13}) {
		t.Errorf("%v, %v, want the processes of both cgroups below", pids, err)
	}
	if _, err := cgroupProcesses(filepath.Join(folder, "none")); !errors.Is(err, ErrGone) {
		t.Errorf("error %v, want %v", err, ErrGone)
	}
}
