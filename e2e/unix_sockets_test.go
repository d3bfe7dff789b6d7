//go:build linux

package e2e

// Unix sockets: all that a TCP listener has works on them, too.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// socketFolder is a folder whose name leaves room for a socket's.
func socketFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// startUnix starts a server on a Unix socket.
func startUnix(t *testing.T, args ...string) (s *server, path string) {
	t.Helper()
	path = filepath.Join(socketFolder(t), "http")
	log := filepath.Join(t.TempDir(), "access.log")
	s = launch(t, asIs, append([]string{binary, "serve", "--listen", "unix:" + path, "--admin", "127.0.0.1:0", "--access-log", log}, args...)...)
	s.stderr.wait(t, "listening unix:"+path)
	s.log, s.addr = log, path
	s.admin = strings.TrimPrefix(s.stderr.wait(t, "admin http://"), "admin http://")
	return s, path
}

// unixClient is a raw connection to a Unix socket.
type unixClient struct {
	net.Conn
	r *bufio.Reader
}

func dialUnix(t *testing.T, path, request string) *unixClient {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return &unixClient{conn, bufio.NewReaderSize(conn, 4096)}
}

func sumFile(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return sumReader(t, f)
}

func sumReader(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Error(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestCurlOverUnixSocket(t *testing.T) {
	curl := needTool(t, "curl")
	dir := t.TempDir()
	content := randomContent(t, dir, "big", 40<<20)
	randomContent(t, dir, "small", 1000)
	s, path := startUnix(t, dir)
	fetched := func(args ...string) []byte {
		out, err := exec.Command(curl, append([]string{"-sS", "--unix-socket", path}, args...)...).Output()
		if err != nil {
			t.Errorf("curl %q: %v", args, err)
		}
		return out
	}
	for _, test := range []struct {
		args []string
		want []byte
	}{
		{[]string{"http://x/big"}, content},
		{[]string{"-r", "1000-30000000", "http://x/big"}, content[1000:30000001]},
		{[]string{"-r", "-5", "http://x/big"}, content[len(content)-5:]},
		{[]string{"-o", "/dev/null", "-w", "%{http_code}", "http://x/missing"}, []byte("404")},
		{[]string{"-o", "/dev/null", "-w", "%{http_code}", "-d", "a body", "http://x/big"}, []byte("405")},
		{[]string{"-I", "-o", "/dev/null", "-w", "%{http_code}", "http://x/big"}, []byte("200")},
	} {
		if got := fetched(test.args...); !bytes.Equal(got, test.want) {
			t.Errorf("curl %q gives %d bytes that are not the %d wanted", test.args, len(got), len(test.want))
		}
	}
	// Several requests on a connection, one of which leaves the loop.
	again := []string{"--next", "-sS", "--unix-socket", path}
	line := slices.Concat([]string{"http://x/small", "http://x/small"}, again, []string{"-d", "x", "-o", "/dev/null", "http://x/small"}, again, []string{"http://x/small"})
	if got := fetched(line...); len(got) != 3000 {
		t.Errorf("%d bytes of three files", len(got))
	}
	if n := len(s.records(10)); n != 10 {
		t.Errorf("%d records", n)
	}
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(log, []byte(`"remote":"unix:"`)); n != 10 {
		t.Errorf("%d of the records are of a Unix socket's peer:\n%s", n, log)
	}
	var sent int64
	for _, r := range s.records(10) {
		if r.Outcome != "complete" {
			t.Errorf("%+v", r)
		}
		sent += r.Sent
	}
	metrics, counted := s.scrape(), 0.0
	for name, value := range metrics {
		if strings.HasPrefix(name, "fullbore_response_body_bytes_total ") {
			counted += value
		}
	}
	if int64(counted) != sent {
		t.Errorf("metrics count %v bytes, the log %d", counted, sent)
	}
	if got := metrics["fullbore_connections_accepted_total"]; got != 7 {
		t.Errorf("%v connections were accepted, want 7", got)
	}
}

// File bytes stay in the kernel on Unix sockets, too.
func TestSendfileOnUnixSocket(t *testing.T) {
	strace := needTool(t, "strace")
	dir := t.TempDir()
	const size, lastRead = 3 << 20, 4 << 10 // what goroutines read and write, when they have looked at the file
	content := randomContent(t, dir, "file.bin", size)
	path := filepath.Join(socketFolder(t), "http")
	trace := filepath.Join(t.TempDir(), "trace")
	s := launch(t, asIs, strace, "-D", "-f", "-yy", "-o", trace, "-e", "trace=sendfile,setsockopt",
		binary, "serve", dir, "--listen", "unix:"+path, "--admin", "", "--access-log", "off")
	s.stderr.wait(t, "listening unix:")
	c := dialUnix(t, path, "GET /file.bin HTTP/1.0\r\n\r\n")
	got, err := io.ReadAll(c)
	if err != nil || !bytes.HasSuffix(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	s.stop()
	calls := joined(wholeTrace(t, trace, s.cmd.Process.Pid))
	if n := sumOf(t, calls, `sendfile\(\d+<UNIX.*= (\d+)`); n < size-lastRead {
		t.Errorf("%d bytes of %d went by sendfile:\n%s", n, size, calls)
	}
	if strings.Contains(calls, "TCP_CORK") {
		t.Errorf("a Unix socket was asked for what only TCP has:\n%s", calls)
	}
}

// nginx in front of the socket, as most set-ups have it.
func TestNginxInFrontOfUnixSocket(t *testing.T) {
	nginx, curl := needTool(t, "nginx"), needTool(t, "curl")
	dir := t.TempDir()
	randomContent(t, dir, "big", 100<<20)
	s, path := startUnix(t, dir, "--socket-mode", "666")
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	prefix := socketFolder(t)
	front := filepath.Join(prefix, "front")
	writeFile(t, filepath.Join(prefix, "nginx.conf"), `daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
events {}
http {
	access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
	upstream fullbore { server unix:`+path+`; keepalive 4; }
	server {
		listen unix:`+front+`;
		location / { proxy_pass http://fullbore; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0; }
	}
}
`)
	proxy := launch(t, asIs, nginx, "-p", prefix, "-c", "nginx.conf")
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("unix", front); err == nil {
			_ = conn.Close()
			break
		} else if time.Now().After(end) {
			t.Fatalf("nginx does not listen: %v\n%s", err, proxy.stderr)
		}
	}
	part := func(name, span string) string {
		out := filepath.Join(t.TempDir(), name)
		if text, err := exec.Command(curl, "-sSf", "--unix-socket", front, "-r", span, "-o", out, "http://x/big").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return out
	}
	want := sumFile(t, filepath.Join(dir, "big"))
	if got := sumFile(t, part("whole", "0-")); got != want {
		t.Error("the whole file has another checksum")
	}
	var pieces []io.Reader
	for _, span := range []string{"0-9999999", "10000000-10000000", "10000001-80000000", "80000001-"} {
		f, err := os.Open(part(span, span))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		pieces = append(pieces, f)
	}
	if got := sumReader(t, io.MultiReader(pieces...)); got != want {
		t.Error("the parts together have another checksum")
	}
	sent := int64(0)
	for _, r := range s.records(5) {
		if sent += r.Sent; r.Outcome != "complete" || r.Sent != r.Size && r.Status != 206 {
			t.Errorf("%+v", r)
		}
	}
	if sent != 2*100<<20 {
		t.Errorf("%d bytes are recorded", sent)
	}
	if s.stop() != 0 || proxy.stop() != 0 {
		t.Error("not an orderly end")
	}
}

// A peer that takes nothing is cut, one that is slow is not; the transfers page
// and a button know them.
func TestSlowPeersOfUnixSocket(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1<<30)
	s, path := startUnix(t, dir, "--idle-timeout", "2s")
	stalled := dialUnix(t, path, getRequest("/file"))
	slow := dialUnix(t, path, getRequest("/file"))
	for _, c := range []*unixClient{stalled, slow} {
		if _, err := c.r.Peek(1); err != nil { // it is in flight
			t.Fatal(err)
		}
	}
	if page := s.askAdmin("GET", "/transfers", "Accept: application/json").body; strings.Count(page, `"remote":"unix:"`) != 2 {
		t.Errorf("the transfers are %s", page)
	}
	taken, timedOut := 0, false
	for piece := make([]byte, 64<<10); !timedOut || taken < 8<<20; time.Sleep(20 * time.Millisecond) {
		n, err := io.ReadFull(slow.r, piece)
		if err != nil {
			t.Fatalf("the slow one was cut after %d bytes: %v", taken, err)
		}
		taken += n
		log, err := os.ReadFile(s.log)
		if err != nil {
			t.Fatal(err)
		}
		timedOut = len(log) > 0
	}
	r := s.records(1)[0]
	if r.Outcome != "timeout" || r.Sent <= 0 || r.Sent > 1<<20 || !strings.Contains(r.Error, "took nothing for 2s") {
		t.Errorf("%+v", r)
	}
	got, err := io.ReadAll(stalled.r)
	if err != nil || int64(len(got)) < r.Sent {
		t.Errorf("the record has %d bytes, its client got %d with the header, %v", r.Sent, len(got), err)
	}
	id := regexp.MustCompile(`"id":(\d+)`).FindStringSubmatch(s.askAdmin("GET", "/transfers", "Accept: application/json").body)
	if id == nil {
		t.Fatal("no transfer is left")
	}
	if status := s.askAdmin("POST", "/transfers/"+id[1]+"/end").status; status >= 400 {
		t.Errorf("ending it gives %d", status)
	}
	if r := s.records(2)[1]; r.Outcome != "aborted" {
		t.Errorf("%+v", r)
	}
}

// A stop gives the name free at once, and what is in flight goes on.
func TestDrainOfUnixSocket(t *testing.T) {
	dir := t.TempDir()
	content := randomContent(t, dir, "file", 8<<20)
	s, path := startUnix(t, dir, "--drain-timeout", "10m")
	c := dialUnix(t, path, getRequest("/file"))
	idle := dialUnix(t, path, "HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(idle.r, &http.Request{Method: http.MethodHead}); err != nil {
		t.Fatal(err)
	}
	s.draining()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket during the drain: %v", err)
	}
	if _, err := idle.r.ReadByte(); err != io.EOF {
		t.Errorf("the connection that rests: %v", err)
	}
	next := launch(t, asIs, binary, "serve", dir, "--listen", "unix:"+path, "--admin", "", "--access-log", "off")
	next.stderr.wait(t, "listening unix:"+path)
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.stderr)
	}
	if r := s.records(2); r[1].Outcome != "complete" || r[1].Sent != int64(len(content)) {
		t.Errorf("%+v", r)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o660 {
		t.Errorf("the next server's socket: %v, %v", info, err)
	}
	// One that is killed leaves its file, and the one after takes it over.
	_ = next.cmd.Process.Kill()
	next.wait()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
	last := launch(t, asIs, binary, "serve", dir, "--listen", "unix:"+path, "--admin", "", "--access-log", "off")
	last.stderr.wait(t, "listening unix:"+path)
	if last.stop() != 0 {
		t.Error("not an orderly end")
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
}

func TestAdminOnUnixSocket(t *testing.T) {
	path := filepath.Join(socketFolder(t), "admin")
	s := launch(t, asIs, binary, "serve", t.TempDir(), "--listen", "127.0.0.1:0", "--admin", "unix:"+path, "--access-log", "off", "--socket-mode", "600").listening()
	s.stderr.wait(t, "admin unix:"+path)
	if out, code := run(t, "health", "--admin", "unix:"+path); out != "ok\n" || code != 0 {
		t.Errorf("%q, %d", out, code)
	}
	if out, code := run(t, "health", "--ready", "--json=false", "--admin", "unix:"+path); out != "ok\n" || code != 0 {
		t.Errorf("%q, %d", out, code)
	}
	curl := needTool(t, "curl")
	for target, want := range map[string]string{"http://localhost/metrics": "fullbore_connections_accepted_total 0", "http://x/transfers": "0 transfers", "http://evil.example/": "421"} {
		out, err := exec.Command(curl, "-sS", "--unix-socket", path, target).Output()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %s", target, err, out)
		}
	}
	if s.stop() != 0 {
		t.Error("not an orderly end")
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("after the end: %v", err)
	}
	if out, code := run(t, "health", "--admin", "unix:"+path); code != 1 || strings.Count(out, "\n") != 1 || !strings.Contains(out, path) {
		t.Errorf("%q, %d", out, code)
	}
}

// Each wrong address is one line that says what to do.
func TestAddressesThatCannotBeServed(t *testing.T) {
	dir, sockets := t.TempDir(), socketFolder(t)
	writeFile(t, filepath.Join(sockets, "file"), "precious")
	live := filepath.Join(sockets, "live")
	first := launch(t, asIs, binary, "serve", dir, "--listen", "unix:"+live, "--admin", "", "--access-log", "off")
	first.stderr.wait(t, "listening unix:")
	busy := start(t, dir)
	for _, test := range []struct {
		listen string
		code   int
		says   []string
	}{
		{"unix:" + live, 1, []string{"--listen unix:" + live + ": address already in use: a running program listens there; want another name"}},
		{"unix:" + filepath.Join(sockets, "file"), 1, []string{"a regular file is in the way"}},
		{"unix:" + filepath.Join(sockets, "missing", "s"), 1, []string{"make the folder " + sockets + "/missing first"}},
		{"unix:" + sockets + "/" + strings.Repeat("x", 108), 2, []string{"at most 107", "--listen"}},
		{busy.addr, 1, []string{"--listen " + busy.addr + ": address already in use: something listens there; want another port"}},
		{"198.51.100.77:0", 1, []string{"198.51.100.77 is none of this machine's"}},
		{"127.0.0.1:0,127.0.0.1:99999", 2, []string{"--listen", "127.0.0.1:99999", "want a port from 0 to 65535"}},
		{"nosuchif0:8080", 1, []string{"nosuchif0 is neither an interface nor a host"}},
		{"unix:" + filepath.Join(sockets, "a") + ",unix:" + filepath.Join(sockets, "a"), 1, []string{"address already in use"}},
	} {
		out, code := run(t, "serve", dir, "--listen", test.listen, "--admin", "")
		if code != test.code || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: exit status %d, printed %q", test.listen, code, out)
		}
		for _, words := range test.says {
			if !strings.Contains(out, words) {
				t.Errorf("%s: %q does not say %q", test.listen, out, words)
			}
		}
	}
	if content, err := os.ReadFile(filepath.Join(sockets, "file")); string(content) != "precious" {
		t.Errorf("%q, %v", content, err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", live)
	}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://x/")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the first one is harmed: %v, %v", resp, err)
	}
	if left, _ := filepath.Glob(filepath.Join(sockets, "*")); len(left) != 2 {
		t.Errorf("left behind: %q", left)
	}
}

// systemd's own tool passes one Unix and two TCP sockets, and owns the file.
func TestSystemdPassesUnixAndTCPSockets(t *testing.T) {
	activate := needTool(t, "systemd-socket-activate")
	dir := folderWith(t, "file", "content")
	path := filepath.Join(socketFolder(t), "http")
	ports := freePorts(t, 2)
	s := launch(t, asIs, activate, "-l", path, "-l", ports[0], "-l", ports[1], "--fdname=public:public:admin",
		binary, "serve", dir, "--access-log", "off")
	// The first client starts it.
	var c *unixClient
	for end := time.Now().Add(patience); c == nil; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Lstat(path); err == nil {
			c = dialUnix(t, path, getRequest("/file"))
		} else if time.Now().After(end) {
			t.Fatalf("%v\n%s", err, s.stderr)
		}
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	want := []string{"unix:" + path, "http://" + ports[0]}
	if got := s.linesOf("listening"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("listening on %q, want %q", got, want)
	}
	if got := s.linesOf("admin"); fmt.Sprint(got) != fmt.Sprint([]string{"http://" + ports[1]}) {
		t.Errorf("admin on %q", got)
	}
	if got := askAt(t, ports[0], "GET", "/file"); got.body != "content" {
		t.Errorf("%+v", got)
	}
	if got := askAt(t, ports[1], "GET", "/readyz"); got.status != 200 {
		t.Errorf("%+v", got)
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.wait()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("systemd's file was removed: %v", err)
	}
}

// freePorts are addresses that were free a moment ago.
func freePorts(t *testing.T, n int) (addrs []string) {
	t.Helper()
	for range n {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs
}
