package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// short is a folder whose name leaves room for a socket's.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "listen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stale leaves a socket behind that nobody listens on.
func stale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
}

func TestModeAndOwner(t *testing.T) {
	for _, test := range []struct {
		mode, owner string
		want        fs.FileMode
		uid, gid    uint32
	}{
		{"", "", 0o660, uint32(os.Getuid()), uint32(os.Getgid())},
		{"666", "", 0o666, uint32(os.Getuid()), uint32(os.Getgid())},
		{"0600", "", 0o600, uint32(os.Getuid()), uint32(os.Getgid())},
		{"0", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), 0, uint32(os.Getuid()), uint32(os.Getgid())},
		{"777", "65534", 0o777, 65534, uint32(os.Getgid())},
		{"660", ":65534", 0o660, uint32(os.Getuid()), 65534},
		{"660", "12345:54321", 0o660, 12345, 54321},
	} {
		if os.Getuid() != 0 && (test.uid != uint32(os.Getuid()) || test.gid != uint32(os.Getgid())) {
			continue // only root gives files away
		}
		mode, err := ParseMode(test.mode)
		if err != nil {
			t.Fatal(err)
		}
		owner, err := ParseOwner(test.owner)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(short(t), "socket")
		if _, err := opened(t, "unix:"+path, Options{mode, owner}); err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		is := info.Sys().(*syscall.Stat_t)
		if info.Mode().Perm() != test.want || is.Uid != test.uid || is.Gid != test.gid {
			t.Errorf("%+v: got %v, %d:%d", test, info.Mode(), is.Uid, is.Gid)
		}
	}
}

// From its first moment on the file is its owner's alone.
func TestSocketIsNeverMoreOpenThanWanted(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	path := filepath.Join(short(t), "socket")
	ln, err := (&net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return raw.Control(closeToOthers) }}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestWhatIsInTheWay(t *testing.T) {
	dir := short(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("file"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	stale(t, at("old"))
	if err := errors.Join(os.Mkdir(at("folder"), 0o700), os.Symlink(at("old"), at("link")), syscall.Mkfifo(at("fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	live, err := net.Listen("unix", at("live"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	datagram, err := net.ListenPacket("unixgram", at("datagram"))
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	for name, says := range map[string]string{
		"file":         "a regular file is in the way: want a name that is free, or a socket's",
		"folder":       "a folder is in the way",
		"link":         "a symbolic link is in the way",
		"fifo":         "something that is no socket is in the way",
		"live":         "address already in use: a running program listens there; want another name",
		"datagram":     "address already in use: a running program listens there",
		"missing/name": "no such file or directory: make the folder " + at("missing") + " first",
		"file/name":    "not a directory",
		"live/name":    "not a directory",
	} {
		before, _ := os.Lstat(at(name))
		_, err := opened(t, "unix:"+dir+"/"+name, Options{Mode: 0o600})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
		if after, _ := os.Lstat(at(name)); before != nil && !os.SameFile(before, after) {
			t.Errorf("%s is another file now", name)
		}
	}
	if content, err := os.ReadFile(at("file")); string(content) != "precious" {
		t.Errorf("%q, %v", content, err)
	}
	if err := live.(*net.UnixListener).SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if conn, err := live.Accept(); err == nil {
		t.Errorf("to look who listens it connected: %v", conn.LocalAddr())
	}
}

func TestStaleSocketIsTakenOverAndRemoved(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	stale(t, path)
	found, err := opened(t, "unix:"+path, Options{Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for range 2 {
		_ = found.Sockets[0].Close()
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
}

// What came to be there meanwhile is not ours.
func TestForeignFileIsNotRemoved(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	found, err := opened(t, "unix:"+path, Options{Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_ = found.Sockets[0].Close()
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the other's socket: %v", err)
	} else {
		_ = conn.Close()
	}
}

// Of many that take over the same stale socket at once, one gets it, and can be
// connected to.
func TestTakingOverAtOnce(t *testing.T) {
	path := filepath.Join(short(t), "socket")
	a, err := Parse("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		stale(t, path)
		results := make([]Opened, 8)
		var all sync.WaitGroup
		for i := range results {
			all.Go(func() { results[i], _ = Open([]Address{a}, Options{Mode: 0o600}) })
		}
		all.Wait()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		got := 0
		for _, r := range results {
			for _, socket := range r.Sockets {
				got++
				_ = socket.Close()
			}
		}
		if got != 1 {
			t.Fatalf("%d got it", got)
		}
	}
}
