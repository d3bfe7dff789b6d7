package e2e

// The PROXY protocol, with real proxies and by hand.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// haproxyPassingOn runs haproxy that passes connections on, with a PROXY header of a
// version; on the IPv6 loopback, too.
func haproxyPassingOn(t *testing.T, upstream, version string) (addr, addr6 string) {
	t.Helper()
	addr = ownAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	addr6 = "[::1]:" + port
	proxy(t, addr, haproxyDefaults+snippet(t, "haproxy", "send-proxy", "bind :80", "bind "+addr+"\n bind "+addr6, "127.0.0.1:8080", upstream, "send-proxy-v2", version), "haproxy", "-db", "-f")
	return addr, addr6
}

// The same by the PROXY protocol: in the log, the downloads and the transfers.
func TestClientsBehindTheProxyProtocol(t *testing.T) {
	for _, version := range []string{"send-proxy", "send-proxy-v2"} {
		for _, engine := range engines {
			t.Run(version+" "+engine, func(t *testing.T) {
				dir := t.TempDir()
				sparse(t, dir, "file", 8<<20)
				s := start(t, "--engine", engine, "--trusted-proxies", "127.0.0.1", "--proxy-protocol", dir)
				addr, addr6 := haproxyPassingOn(t, s.addr, version)
				as := func(client string, args ...string) {
					curl(t, dir, append([]string{"-f", "--interface", client, "-o", os.DevNull}, args...)...)
				}
				as(alice, "-r", "0-4194303", "http://"+addr+"/file")
				as(bob, "-r", "4194304-", "http://"+addr+"/file", "--next", "-o", os.DevNull, "http://"+addr+"/file?again")
				as("::1", "http://"+addr6+"/file")
				as(mallory, append(forgeries, "http://"+addr+"/file?through")...)
				around := func(args ...string) string {
					return curl(t, dir, append([]string{"--interface", mallory, "-o", os.DevNull, "-w", "%{http_code}", s.url("/around")}, args...)...)
				}
				if got := around(forgeries...) + around("--haproxy-protocol") + curl(t, dir, "-o", os.DevNull, "-w", "%{http_code}", s.url("/bare")); got != "403403400" {
					t.Errorf("around the proxy, the answers are %s", got)
				}
				const path, by = "/file", "127.0.0.1"
				want := []who{
					{path, alice, by},
					{path, bob, by},
					{path, bob, by},
					{path, "::1", by},
					{path, mallory, by},
					{"/around", mallory, ""},
					{"", mallory, ""},
					{"/bare", by, ""},
				}
				if got := s.whos(len(want)); !slices.Equal(got, want) {
					t.Errorf("the log has\n%v, want\n%v", got, want)
				}
				for _, r := range s.records(len(want))[5:] {
					if r.Status < 400 || !strings.Contains(r.Error, "PROXY header") {
						t.Errorf("a record says %+v", r)
					}
				}
				covered := map[string]int64{}
				for _, d := range s.downloads() {
					covered[d.Client] += d.Covered
				}
				if got := fmt.Sprint(covered[alice], covered[bob], covered["::1"], covered[mallory], covered[by]); got != "4194304 8388608 8388608 8388608 0" {
					t.Errorf("of the file, the clients have got %s bytes", got)
				}
			})
		}
	}
}

// One listener may expect the header, and another one not. A slow download says on the
// page of transfers whose it is.
func TestProxyProtocolOnOneListener(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1<<30)
	socket := filepath.Join(socketFolder(t), "http")
	for _, engine := range engines {
		s := start(t, "--engine", engine, "--listen", "unix:"+socket, "--trusted-proxies", "unix", "--proxy-protocol=unix:"+socket, dir)
		curl(t, dir, "-f", "-I", s.url("/file"))
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("PROXY TCP6 2001:db8::17 2001:db8::1 1234 80\r\n" + getRequest("/file"))); err != nil {
			t.Fatal(err)
		}
		var found struct {
			Transfers []struct{ Remote, Peer string }
		}
		waitUntil(t, "the transfer is seen", func() bool {
			answer := curl(t, dir, "-f", "-H", "Accept: application/json", "http://"+s.admin+"/transfers")
			if err := json.Unmarshal([]byte(answer), &found); err != nil {
				t.Fatal(err)
			}
			return len(found.Transfers) > 0
		})
		if got := fmt.Sprint(found.Transfers); got != "[{2001:db8::17 unix:}]" {
			t.Errorf("%s: /transfers has %s", engine, got)
		}
		conn.Close()
		if got := s.whos(2); got[0] != (who{"/file", "127.0.0.1", ""}) || got[1] != (who{"/file", "2001:db8::17", "unix:"}) {
			t.Errorf("%s: the log has %v", engine, got)
		}
		s.stop()
	}
}

// A header of which a part does not come is refused when its time is over, with a record.
func TestProxyHeaderThatDoesNotCome(t *testing.T) {
	for _, engine := range engines {
		s := start(t, "--engine", engine, "--trusted-proxies", "127.0.0.1", "--proxy-protocol", "--head-timeout", "1s", t.TempDir())
		silent := dial(t, s.addr, 0)
		c := dial(t, s.addr, 0)
		c.send(t, "PROXY TCP4 192.0.2.9")
		if status := c.header(t); status != "HTTP/1.1 408 Request Timeout" {
			t.Errorf("%s: the answer is %q", engine, status)
		}
		if got, err := io.ReadAll(silent.r); err != nil || len(got) > 0 {
			t.Errorf("%s: who says nothing is told %q, %v", engine, got, err)
		}
		s.stop()
		if got := s.records(1); len(got) != 1 || got[0].Status != 408 || got[0].Error != "refused with 408: the PROXY header did not come in time" || got[0].Method+got[0].Path != "" {
			t.Errorf("%s: the log has %+v", engine, got)
		}
	}
}

// Connections are counted for the clients that the headers name, not for the proxy.
func TestConnectionsOfClientsBehindTheProxyProtocol(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	for _, engine := range engines {
		s := start(t, "--engine", engine, "--trusted-proxies", "127.0.0.1", "--proxy-protocol", "--client-connections", "2", dir)
		asks := func(client string) string {
			c := dial(t, s.addr, 0)
			c.send(t, "PROXY TCP4 "+client+" 10.0.0.1 4660 80\r\n"+getRequest("/file"))
			return strings.TrimPrefix(c.header(t), "HTTP/1.1 ")
		}
		for i, want := range []string{"200 OK", "200 OK", "429 Too Many Requests", "429 Too Many Requests"} {
			if got := asks("192.0.2.1"); got != want {
				t.Errorf("%s: connection %d of a client is told %q, want %q", engine, i+1, got, want)
			}
		}
		if got := asks("192.0.2.2"); got != "200 OK" {
			t.Errorf("%s: another client is told %q", engine, got)
		}
		s.stop()
		got := s.whos(3) // of answers that were sent at once, in any order
		slices.SortFunc(got, func(a, b who) int { return strings.Compare(a.Remote, b.Remote) })
		if fmt.Sprint(got) != "[{/file 192.0.2.1 127.0.0.1} {/file 192.0.2.1 127.0.0.1} {/file 192.0.2.2 127.0.0.1}]" {
			t.Errorf("%s: the log has %v", engine, got)
		}
	}
}

// File bytes stay in the kernel behind a PROXY header, too.
func TestSendfileBehindTheProxyProtocol(t *testing.T) {
	strace := needTool(t, "strace")
	dir := t.TempDir()
	const size, lastRead = 3 << 20, 4 << 10 // what goroutines read and write, when they have looked at the file
	content := randomContent(t, dir, "file.bin", size)
	for _, engine := range engines {
		trace := filepath.Join(t.TempDir(), "trace")
		s := startBy(t, []string{strace, "-D", "-f", "-yy", "-o", trace, "-e", "trace=sendfile"}, "--engine", engine,
			"--trusted-proxies", "127.0.0.1", "--proxy-protocol", dir)
		c := dial(t, s.addr, 0)
		c.send(t, "PROXY TCP4 192.0.2.9 10.0.0.1 4660 80\r\nGET /file.bin HTTP/1.0\r\n\r\n")
		if got, err := io.ReadAll(c.r); err != nil || !bytes.HasSuffix(got, content) {
			t.Errorf("%s: %d bytes, %v", engine, len(got), err)
		}
		s.stop()
		calls := joined(wholeTrace(t, trace, s.cmd.Process.Pid))
		if n := sumOf(t, calls, `sendfile\(\d+<TCP.*= (\d+)`); n < size-lastRead {
			t.Errorf("%s: %d bytes of %d went by sendfile:\n%s", engine, n, size, calls)
		}
		if r := s.records(1)[0]; r.Sent != size || r.Outcome != "complete" {
			t.Errorf("%s: the record says %+v", engine, r)
		}
	}
}

// Sockets that a service manager has opened may expect the header, too: all of them, as
// they have no addresses of --listen.
func TestProxyProtocolOnInheritedSockets(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	addr, file := held(t)
	args := []string{binary, "serve", dir, "--admin", "", "--access-log", "off", "--trusted-proxies", "127.0.0.1"}
	s := launch(t, pass("public", file), append(append(slices.Clone(ownPID), args...), "--proxy-protocol=all")...).listening()
	for raw, want := range map[string]string{"PROXY UNKNOWN\r\n" + getRequest("/file"): "200 OK", getRequest("/file"): "400 Bad Request"} {
		c := dial(t, addr, 0)
		c.send(t, raw)
		if got := strings.TrimPrefix(c.header(t), "HTTP/1.1 "); got != want {
			t.Errorf("%q is answered with %q, want %q", raw, got, want)
		}
	}
	s.stop()
	_, other := held(t)
	s = launch(t, pass("public", other), append(append(slices.Clone(ownPID), args...), "--proxy-protocol=127.0.0.1:8080")...)
	s.stderr.waitFor(t, "--proxy-protocol 127.0.0.1:8080: the service manager has opened the sockets, and not by the addresses of --listen; want all")
	if code := s.wait(); code != 1 {
		t.Errorf("exit status %d", code)
	}
}
