package storage

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"fullbore/static/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log is events that can be read while they are written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func guarded(t *testing.T, dir string, timeout time.Duration) (*Guarded, *log) {
	t.Helper()
	disk, err := source.OpenDisk(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	events := new(log)
	s := New(Config{Events: zerolog.New(events), Timeout: func() time.Duration { return timeout }})
	g := s.Guard(disk, dir)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if len(s.mounts) != 0 {
			t.Errorf("mounts are left: %v", s.mounts)
		}
	})
	return g, events
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begun := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("it does not come true: " + what)
		}
	}
}

// What says nothing about the disk changes nothing, nor does one file that cannot be read,
// however often.
func TestErrorsOfFilesAreNotTheDisks(t *testing.T) {
	g, _ := guarded(t, t.TempDir(), time.Minute)
	m := g.table.Load().root
	bad := &fs.PathError{Op: "open", Path: "bad", Err: syscall.EIO}
	for range 100 {
		m.note("bad", bad)
		m.note("worse", bad)
		m.note("absent", syscall.ENOENT)
		m.note("secret", syscall.EACCES)
	}
	if m.broken.Load() || g.storage.Trips() != 0 || len(g.storage.Failing()) != 0 {
		t.Errorf("%+v", g.storage.Failing())
	}
	if _, _, err := g.Open("absent", source.MayWait); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	m.note("good", nil)
	m.note("third", bad)
	m.note("fourth", bad)
	if m.broken.Load() {
		t.Error("two files that cannot be read, after one that can, are the end of it")
	}
}

// A disk that fails is not asked again by requests, and is used again once a look at it
// has found that it answers.
func TestDiskThatFailsAndComesBack(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, fail := range map[string]func(*mount){
		"of the storage": func(m *mount) {
			for range tripAfter {
				m.note("same", syscall.ENOTCONN)
			}
		},
		"of three files": func(m *mount) {
			for _, name := range []string{"a", "b", "c"} {
				m.note(name, syscall.EIO)
			}
		},
	} {
		g, events := guarded(t, dir, time.Minute)
		m := g.table.Load().root
		fail(m)
		var refusal *Refusal
		if _, _, err := g.Open("file", source.MayWait); !errors.As(err, &refusal) || refusal.RetryAfter <= 0 || refusal.Path != dir {
			t.Errorf("%s: %v", name, err)
		}
		if failing := g.storage.Failing(); len(failing) != 1 || !failing[0].Root || failing[0].Reason == "" || g.storage.Trips() != 1 {
			t.Errorf("%s: %+v", name, failing)
		}
		waitFor(t, "it is back", func() bool {
			f, _, err := g.Open("file", source.MayWait)
			if err == nil {
				_ = f.Close()
			}
			return err == nil
		})
		waitFor(t, "both events", func() bool { return events.has(`"state":"failing"`) && events.has(`"state":"ok"`) })
		if failing := g.storage.Failing(); len(failing) != 0 {
			t.Errorf("%s: %+v", name, failing)
		}
	}
}

// An open that never returns costs as many as there are slots; whoever comes then is
// refused, first after the time that opening may take and then at once.
func TestOpensThatHangAreBounded(t *testing.T) {
	dir := t.TempDir()
	g, _ := guarded(t, dir, 20*time.Millisecond)
	m := g.table.Load().root
	m.remote = false
	for range opensAtOnce {
		m.slots <- struct{}{} // as an open does that has not returned
	}
	for i := range tripAfter + 10 {
		var refusal *Refusal
		if _, _, err := g.Open(".", source.MayWait); !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if tripped := m.broken.Load(); tripped != (i >= tripAfter-1) {
			t.Errorf("after %d: %v", i+1, tripped)
		}
		if i >= tripAfter {
			break
		}
	}
	if _, err := g.Enter("file"); err == nil {
		t.Error("a read may begin")
	}
	waitFor(t, "it is looked at", func() bool { return m.retryAt.Load() > time.Now().Add(lookSoonest).UnixNano() })
	if !m.broken.Load() {
		t.Error("it is back with every slot taken")
	}
	for range opensAtOnce {
		<-m.slots
	}
	waitFor(t, "it is back", func() bool { return !m.broken.Load() })
}

// Reads that block count like opens.
func TestReadsBeforeAResponse(t *testing.T) {
	g, _ := guarded(t, t.TempDir(), 20*time.Millisecond)
	for _, name := range []string{"a", "b", "c"} {
		gate, err := g.Enter(name)
		if err != nil {
			t.Fatal(err)
		}
		gate.Leave(name, &fs.PathError{Op: "read", Path: name, Err: syscall.EIO})
	}
	var refusal *Refusal
	if _, err := g.Enter("d"); !errors.As(err, &refusal) {
		t.Errorf("after three that failed: %v", err)
	}
	if n := len(g.table.Load().root.slots); n != 0 {
		t.Errorf("%d slots are taken", n)
	}
}

// Many ask while the disk comes and goes; with the race detector.
func TestManyAskADiskThatFlaps(t *testing.T) {
	dir := t.TempDir()
	g, _ := guarded(t, dir, time.Minute)
	m := g.table.Load().root
	ctx, stop := context.WithCancel(t.Context())
	var opened, refused atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				f, _, err := g.Open(".", source.MayWait)
				var refusal *Refusal
				switch {
				case err == nil:
					opened.Add(1)
					_ = f.Close()
				case errors.As(err, &refusal):
					refused.Add(1)
					time.Sleep(time.Millisecond)
				default:
					t.Error(err)
				}
				g.storage.Failing()
			}
		})
	}
	for range 2 {
		waitFor(t, "some are opened", func() bool { return opened.Swap(0) > 0 })
		waitFor(t, "it fails", func() bool { m.note("x", syscall.ETIMEDOUT); return m.broken.Load() })
		waitFor(t, "some are refused", func() bool { return refused.Swap(0) > 0 })
		waitFor(t, "it is back", func() bool { return !m.broken.Load() })
	}
	stop()
	all.Wait()
}

// Nothing is allocated for the breaker where a disk is well.
func TestGuardAllocatesNothing(t *testing.T) {
	dir := t.TempDir()
	g, _ := guarded(t, dir, time.Minute)
	m := g.table.Load().root
	m.remote = false
	bare := testing.AllocsPerRun(100, func() {
		f, _, err := g.Disk.Open(".", source.MayWait)
		if err == nil {
			_ = f.Close()
		}
	})
	if with := testing.AllocsPerRun(100, func() {
		f, _, err := g.Open(".", source.MayWait)
		if err == nil {
			_ = f.Close()
		}
	}); with != bare {
		t.Errorf("%v allocations, %v without the guard", with, bare)
	}
}
