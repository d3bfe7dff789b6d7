package e2e

// Real proxies in front: who the client is, in the log, the downloads and the transfers,
// and that nobody can pass for another.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Clients are told apart by their loopback addresses.
const (
	alice   = "127.0.0.2"
	bob     = "127.0.0.3"
	mallory = "127.0.0.66"
)

// ownAddress is an address for a program that cannot tell which port it picked: one of
// the many of the loopback, so that nobody else has it.
func ownAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// snippet is what docs/proxies.md shows in a language, the first with a word in it, with
// addresses replaced.
func snippet(t *testing.T, language, word string, replace ...string) string {
	t.Helper()
	page, err := os.ReadFile("docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(page, -1) {
		if bytes.Contains(found[1], []byte(word)) {
			text := string(found[1])
			for i := 0; i < len(replace); i += 2 {
				if !strings.Contains(text, replace[i]) {
					t.Fatalf("no %q in\n%s", replace[i], text)
				}
				text = strings.ReplaceAll(text, replace[i], replace[i+1])
			}
			return text
		}
	}
	t.Fatalf("docs/proxies.md shows no %s with %q", language, word)
	return ""
}

// proxy runs a program that listens on an address, for as long as the test.
func proxy(t *testing.T, addr, config string, line ...string) {
	t.Helper()
	line[0] = needTool(t, line[0])
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	write(t, file, config)
	cmd := exec.Command(line[0], append(line[1:], file)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says\n%s", line[0], &said)
		}
	})
	waitUntil(t, line[0]+" listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// nginxBefore runs nginx in front of a server, as the documentation shows it.
func nginxBefore(t *testing.T, upstream string) (addr string) {
	t.Helper()
	addr = ownAddress(t)
	startNginx(t, "listen "+addr+"; "+snippet(t, "nginx", "location", "http://127.0.0.1:8080", "http://"+upstream))
	return addr
}

const haproxyDefaults = "defaults\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n\n"

// haproxyBefore runs haproxy.
func haproxyBefore(t *testing.T, upstream string) (addr string) {
	t.Helper()
	addr = ownAddress(t)
	proxy(t, addr, haproxyDefaults+snippet(t, "haproxy", "option forwardfor", "bind :80", "bind "+addr, "127.0.0.1:8080", upstream), "haproxy", "-db", "-f")
	return addr
}

// caddyBefore runs Caddy.
func caddyBefore(t *testing.T, upstream string) (addr string) {
	t.Helper()
	addr = ownAddress(t)
	host, port, _ := net.SplitHostPort(addr)
	site := snippet(t, "caddyfile", "reverse_proxy", ":80 {", ":"+port+" {\n bind "+host, "127.0.0.1:8080", upstream)
	proxy(t, addr, "{\n admin off\n auto_https off\n}\n"+site, "caddy", "run", "--adapter", "caddyfile", "--config")
	return addr
}

// who is what a record says of those at both ends.
type who struct{ Path, Remote, Peer string }

// whos waits until the log has n records.
func (s *server) whos(n int) (all []who) {
	s.t.Helper()
	s.records(n)
	content, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		var w who
		if err := json.Unmarshal(line, &w); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		all = append(all, w)
	}
	return all
}

// forgeries are fields by which a client says that it is somebody else.
var forgeries = []string{
	"-H", "X-Forwarded-For: 198.51.100.1", "-H", "X-Forwarded-For: 127.0.0.1", "-H", "Forwarded: for=198.51.100.2;proto=https;host=evil.example",
	"-H", "X-Real-IP: 198.51.100.3", "-H", "X-Client-IP: 198.51.100.4", "-H", "CF-Connecting-IP: 198.51.100.5", "-H", "True-Client-IP: 198.51.100.6",
	"-H", "X-Forwarded-Host: evil.example", "-H", "X-Forwarded-Proto: https", "-H", "Via: 1.1 198.51.100.7", "-H", "X-Forwarded: for=198.51.100.8",
	"-H", `Forwarded: for="`, "-H", "X-Forwarded-For;", "-H", "X_Forwarded_For: 198.51.100.9",
}

// Two clients behind each proxy fetch the halves of a file: they are two downloads, and
// neither is complete. Another one forges all there is, through the proxy and around it.
func TestClientsBehindProxies(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, upstream string) string{"nginx": nginxBefore, "haproxy": haproxyBefore, "caddy": caddyBefore} {
		for _, engine := range engines {
			t.Run(name+" "+engine, func(t *testing.T) {
				dir := t.TempDir()
				sparse(t, dir, "file", 8<<20)
				s := start(t, "--engine", engine, "--trusted-proxies", "127.0.0.1", dir)
				by := "http://" + before(t, s.addr)
				as := func(client string, args ...string) {
					curl(t, dir, append([]string{"-f", "--interface", client, "-o", os.DevNull}, args...)...)
				}
				as(alice, "-r", "0-4194303", by+"/file")
				as(bob, "-r", "4194304-", by+"/file")
				as(mallory, append(forgeries, by+"/file?through")...)
				as(mallory, append(forgeries, s.url("/file?around"))...)
				const path = "/file"
				want := []who{{path, alice, "127.0.0.1"}, {path, bob, "127.0.0.1"}, {path, mallory, "127.0.0.1"}, {path, mallory, ""}}
				if got := s.whos(4); !slices.Equal(got, want) {
					t.Errorf("the log has\n%v, want\n%v", got, want)
				}
				var downloads []string
				for _, d := range s.downloads() {
					downloads = append(downloads, fmt.Sprintf("%s %d/%d", d.Client, d.Covered, d.Size))
				}
				slices.Sort(downloads)
				const half, whole = 4 << 20, 8 << 20
				wanted := []string{
					fmt.Sprintf("%s %d/%d", alice, half, whole), fmt.Sprintf("%s %d/%d", bob, half, whole),
					fmt.Sprintf("%s %d/%d", mallory, whole, whole), fmt.Sprintf("%s %d/%d", mallory, whole, whole),
				}
				if !slices.Equal(downloads, wanted) {
					t.Errorf("the downloads are\n%q, want\n%q", downloads, wanted)
				}
			})
		}
	}
}

// A proxy on a Unix socket is trusted by the word "unix", and by no address.
func TestClientsBehindAProxyOnAUnixSocket(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	for _, test := range []struct {
		trusted string
		want    who
	}{
		{"unix", who{"/file", alice, "unix:"}},
		{"127.0.0.0/8", who{"/file", "unix:", ""}},
	} {
		for _, engine := range engines {
			s, path := startUnix(t, "--engine", engine, "--trusted-proxies", test.trusted, dir)
			curl(t, dir, append([]string{"-f", "--interface", alice, "http://" + nginxBefore(t, "unix:"+path+":") + "/file"}, forgeries...)...)
			if got := s.whos(1)[0]; got != test.want {
				t.Errorf("%s: the log has %v, want %v", engine, got, test.want)
			}
		}
	}
}

// Whom to trust can be changed by a reload; what the page of transfers shows goes by it,
// and so do other formats of the log.
func TestTrustedProxiesChangeWithAReload(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	write(t, file, "trusted-proxies: [10.0.0.0/8]\n")
	s := start(t, "--config", file, "--log-format", "${ip} ${peer} ${protocol}://${host}", dir)
	by := "http://" + nginxBefore(t, s.addr)
	ask := func() {
		curl(t, dir, append([]string{"-f", "--interface", alice, by + "/file", "-H", "Host: files.example"}, forgeries...)...)
	}
	ask()
	write(t, file, "trusted-proxies: [10.0.0.0/8, 127.0.0.1/32]\n")
	if e := s.reloads(1); e[0].Result != "ok" || len(e[0].Changed) != 1 {
		t.Fatalf("the reload says %+v", e)
	}
	ask()
	write(t, file, "trusted-proxies: [10.0.0.1/8]\n")
	if e := s.reloads(2)[1]; e.Result != "refused" || !strings.Contains(e.Error, file+":1: trusted-proxies: \"10.0.0.1/8\": want 10.0.0.0/8 for the whole network") {
		t.Errorf("the reload says %+v", e)
	}
	s.stop()
	content, err := os.ReadFile(s.log)
	if want := "127.0.0.1 - http://files.example\n127.0.0.2 127.0.0.1 http://files.example\n"; err != nil || string(content) != want {
		t.Errorf("the log has\n%swant\n%s", content, want)
	}
}

// download is what /downloads says of one.
type download struct {
	Client, Path  string
	Covered, Size int64
}

// downloads asks for those that there were.
func (s *server) downloads() []download {
	s.t.Helper()
	var found struct{ Downloads []download }
	answer := curl(s.t, s.t.TempDir(), "-f", "-H", "Accept: application/json", "http://"+s.admin+"/downloads")
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		s.t.Fatalf("%s: %v", answer, err)
	}
	return found.Downloads
}

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

func TestProxySettingsThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--trusted-proxies", "10.0.0.0/8,proxy"}, `--trusted-proxies: "proxy": want an address, a network such as 10.0.0.0/8, or unix`},
		{[]string{"--trusted-proxies", "10.0.0.1/8"}, `--trusted-proxies: "10.0.0.1/8": want 10.0.0.0/8 for the whole network, or 10.0.0.1 for that address`},
		{[]string{"--proxy-protocol"}, `--proxy-protocol: nobody could connect: PROXY headers are taken from --trusted-proxies, and there are none`},
		{[]string{"--trusted-proxies", "unix", "--proxy-protocol=:8443"}, `--proxy-protocol: ":8443": want all, or an address as --listen has it: 127.0.0.1:8080`},
	} {
		out, code := run(t, append([]string{"serve", t.TempDir()}, test.args...)...)
		if code == 0 || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("%v: %d, %q, want %q", test.args, code, out, test.want)
		}
	}
}
