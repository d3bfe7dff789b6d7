//go:build linux

package e2e

// The server under a service manager: sockets that it inherits, what it tells
// of itself, and the units in deploy/systemd. The tests do what systemd does,
// since that cannot be had in every container.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ownPID sets LISTEN_PID as systemd does: to the process that it becomes.
var ownPID = []string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}

// pass gives a command files as sockets with names, from descriptor 3 on.
func pass(names string, files ...*os.File) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.ExtraFiles = files
		cmd.Env = append(os.Environ(), "LISTEN_FDS="+strconv.Itoa(len(files)), "LISTEN_FDNAMES="+names)
	}
}

// held opens a listening socket and keeps it without accepting.
func held(t *testing.T) (addr string, file *os.File) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err = ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return ln.Addr().String(), file
}

func TestInheritedSocketsReplaceAddresses(t *testing.T) {
	dir := t.TempDir()
	for _, names := range []string{"public:admin", "admin:public", "fullbore.socket:fullbore.socket", "fullbore.socket:public", ""} {
		first, firstFile := held(t)
		second, secondFile := held(t)
		public, admin := first, second
		if names == "admin:public" || names == "fullbore.socket:public" {
			public, admin = second, first
		}
		s := startWith(t, pass(names, firstFile, secondFile), ownPID, dir)
		if s.addr != public || s.admin != admin {
			t.Errorf("%q: serves on %s and %s, want %s and %s", names, s.addr, s.admin, public, admin)
		}
		c := dial(t, s.addr, 0)
		c.send(t, "HEAD / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
		if status := c.header(t); status != "HTTP/1.1 200 OK" {
			t.Errorf("%q: %s", names, status)
		}
		if code := s.stop(); code != 0 {
			t.Errorf("%q: exit status %d:\n%s", names, code, s.stderr)
		}
	}
}

// Sockets meant for another process are left alone.
func TestSocketsOfAnotherProcessAreNotTaken(t *testing.T) {
	addr, file := held(t)
	s := startWith(t, func(cmd *exec.Cmd) {
		pass("public", file)(cmd)
		cmd.Env = append(cmd.Env, "LISTEN_PID=1")
	}, nil, t.TempDir())
	if s.addr == addr {
		t.Error("it took the socket of process 1")
	}
}

func TestSocketsThatCannotBeUsed(t *testing.T) {
	fileOf := func(c interface{ File() (*os.File, error) }) *os.File {
		file, err := c.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return file
	}
	addr, listener := held(t)
	packet, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packet.Close()
	local, err := net.Listen("unixpacket", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	connected := dial(t, addr, 0)
	udp, packets, tcp := fileOf(packet.(*net.UDPConn)), fileOf(local.(*net.UnixListener)), fileOf(connected.TCPConn)
	_, two := held(t)
	_, three := held(t)
	for _, test := range []struct {
		names string
		files []*os.File
		says  []string
	}{
		{"public", []*os.File{udp}, []string{"socket 1", "(public)", "not a listening socket"}},
		{"", []*os.File{listener, packets}, []string{"socket 2", "not a stream socket", "unixpacket"}},
		{"admin", []*os.File{tcp}, []string{"(admin)", "connection"}},
		{"", []*os.File{listener, two, three}, []string{"1 sockets too many", "FileDescriptorName= public or admin"}},
	} {
		cmd := exec.Command(ownPID[0], append(ownPID[1:], binary, "serve", t.TempDir())...)
		pass(test.names, test.files...)(cmd)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 1 || bytes.Count(out, []byte("\n")) != 1 {
			t.Errorf("%q: exit status %d, printed %q", test.names, code, out)
		}
		for _, word := range test.says {
			if !bytes.Contains(out, []byte(word)) {
				t.Errorf("%q: %q does not say %q", test.names, out, word)
			}
		}
	}
}

// Clients connect all the time while servers come and go on one socket: some
// before the last one has ended, some after, when clients wait in the socket.
func TestRestartsUnderLoadLoseNoConnection(t *testing.T) {
	dir := t.TempDir()
	content := randomContent(t, dir, "file", 200_000)
	addr, file := held(t)
	next := func() *server { return startWith(t, pass("public", file), ownPID, dir) }
	servers := []*server{next()}

	var asked, failed atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			for {
				select {
				case <-stop:
					return
				default:
				}
				asked.Add(1)
				if err := fetchSame(&client, "http://"+addr+"/file", content); err != nil {
					failed.Add(1)
					t.Error(err)
				}
			}
		})
	}
	for round := range 8 {
		for before := asked.Load(); asked.Load() < before+20 && failed.Load() == 0; time.Sleep(time.Millisecond) {
		}
		old := servers[len(servers)-1]
		if round%2 == 0 {
			servers = append(servers, next())
		}
		if code := old.stop(); code != 0 {
			t.Errorf("exit status %d:\n%s", code, old.stderr)
		}
		if round%2 == 1 {
			servers = append(servers, next())
		}
	}
	close(stop)
	wg.Wait()
	servers[len(servers)-1].stop()
	logged := int64(0)
	for _, s := range servers {
		for _, r := range s.records(0) {
			if logged++; r.Outcome != "complete" || r.Sent != int64(len(content)) {
				t.Errorf("logged %+v", r)
			}
		}
	}
	if logged != asked.Load() {
		t.Errorf("%d requests made, %d logged", asked.Load(), logged)
	}
}

func fetchSame(client *http.Client, url string, content []byte) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	got, err := io.ReadAll(resp.Body)
	if err == nil && !bytes.Equal(got, content) {
		err = errors.New("other bytes")
	}
	return err
}

// manager is the service manager's end of sd_notify(3).
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(2 * patience))
	return &manager{t, conn, path}
}

// until reads messages up to the one that has all of the words, and gives them.
func (m *manager) until(words ...string) (messages []string) {
	m.t.Helper()
	buf := make([]byte, 4<<10)
next:
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			m.t.Fatalf("no message with %q: %v; there were %q", words, err, messages)
		}
		messages = append(messages, string(buf[:n]))
		for _, word := range words {
			if !strings.Contains(string(buf[:n]), word) {
				continue next
			}
		}
		return messages
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 64<<20)
	m := newManager(t)
	s := startWith(t, func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=200000")
	}, nil, dir, "--drain-timeout", "10m")
	if first := m.until("READY=1", "STATUS=serving "+s.addr); len(first) != 1 {
		t.Errorf("before it was ready it said %q", first)
	}
	for range 3 {
		m.until("WATCHDOG=1")
	}
	_ = s.cmd.Process.Signal(syscall.SIGHUP)
	if last := m.until("RELOADING=1", "MONOTONIC_USEC="); strings.Contains(last[len(last)-1], "READY=1") {
		t.Errorf("it said %q", last)
	}
	m.until("READY=1", "STATUS=serving "+s.addr)
	c := slowly(t, s, 1)[0]
	s.draining()
	m.until("STOPPING=1")
	rest := m.until("EXTEND_TIMEOUT_USEC=")
	if !strings.Contains(strings.Join(rest, "\n"), "STATUS=stopping: 1 connections open, 1 downloads in flight") {
		t.Errorf("it said %q", rest)
	}
	if strings.Contains(strings.Join(rest[1:], "\n"), "WATCHDOG") {
		t.Errorf("a sign of life after the stop: %q", rest)
	}
	if _, err := io.CopyN(io.Discard, c.r, 64<<20); err != nil {
		t.Error(err)
	}
	m.until("STATUS=stopped after", "1 downloads finished, 0 cut")
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
}

// A server is no worse off for a manager that does not listen.
func TestServiceManagerThatIsGone(t *testing.T) {
	s := startWith(t, func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET=/nowhere/socket", "WATCHDOG_USEC=nonsense")
	}, nil, t.TempDir())
	s.stderr.waitFor(t, `"event":"systemd"`, "/nowhere/socket")
	if code := s.stop(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
}
