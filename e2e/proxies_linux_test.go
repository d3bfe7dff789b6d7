package e2e

// Real proxies in front: who the client is, in the log, the downloads and the transfers,
// and that nobody can pass for another.

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// nginxForwarding runs nginx that says by Forwarded whose a request is, and nothing else.
func nginxForwarding(t *testing.T, upstream string) (addr string) {
	t.Helper()
	addr = ownAddress(t)
	startNginx(t, "listen "+addr+`; location / { proxy_pass http://`+upstream+`;
		proxy_set_header Forwarded 'for="$remote_addr:$remote_port";proto=$scheme;host="$http_host"';
		proxy_set_header X-Forwarded-For ""; proxy_set_header X-Forwarded-Proto ""; proxy_set_header X-Forwarded-Host ""; }`)
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
	for name, before := range map[string]func(t *testing.T, upstream string) string{
		"nginx": nginxBefore, "nginx with Forwarded": nginxForwarding, "haproxy": haproxyBefore, "caddy": caddyBefore,
	} {
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

// Limits are each client's own behind every proxy, and whom they refuse is named.
func TestLimitsOfClientsBehindProxies(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir, "file", 1)
	passingOn := func(t *testing.T, upstream string) string {
		addr, _ := haproxyPassingOn(t, upstream, "send-proxy-v2")
		return addr
	}
	for _, test := range []struct {
		name   string
		before func(t *testing.T, upstream string) string
		args   []string
	}{
		{"nginx", nginxBefore, nil},
		{"haproxy", haproxyBefore, nil},
		{"caddy", caddyBefore, nil},
		{"haproxy, send-proxy-v2", passingOn, []string{"--proxy-protocol"}},
	} {
		for _, engine := range engines {
			t.Run(test.name+" "+engine, func(t *testing.T) {
				s := start(t, append(test.args, "--engine", engine, "--trusted-proxies", "127.0.0.1", "--client-requests", "2/h", dir)...)
				by := "http://" + test.before(t, s.addr) + "/file"
				as := func(client string, args ...string) string {
					return curl(t, dir, append([]string{"--interface", client, "-o", os.DevNull, "-w", "%{http_code} ", by}, args...)...)
				}
				// Who forges another sender each time is the same client all the same.
				got := as(mallory, forgeries...) + as(mallory, "-H", "X-Forwarded-For: 198.51.100.77") + as(mallory, "-H", "Forwarded: for=198.51.100.78") + as(alice) + as(bob)
				if got != "200 200 429 200 200 " {
					t.Errorf("the answers are %s", got)
				}
				const path, peer = "/file", "127.0.0.1"
				want := []who{{path, mallory, peer}, {path, mallory, peer}, {path, mallory, peer}, {path, alice, peer}, {path, bob, peer}}
				if got := s.whos(5); !slices.Equal(got, want) {
					t.Errorf("the log has\n%v, want\n%v", got, want)
				}
				if r := s.records(5)[2]; r.Status != 429 || r.Rule != "client-requests" {
					t.Errorf("the record of the refused one says %+v", r)
				}
			})
		}
	}
}

// A request whose body does not come is its client's all the same. One whose head is
// refused is the proxy's: of its fields some may be missing.
func TestRefusedRequestsOfClientsBehindProxies(t *testing.T) {
	for _, engine := range engines {
		s := start(t, "--engine", engine, "--trusted-proxies", "127.0.0.1", t.TempDir())
		for _, raw := range []string{
			"POST /body HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 198.51.100.1\r\nContent-Length: 500\r\nx-forwarded-for: 192.0.2.1\r\n\r\nX-Forwarded-For: 198.51.100.2\r\n",
			"GET /head HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 198.51.100.1\r\nno field\r\n",
		} {
			if got := answers(t, s, raw); fmt.Sprint(got) != "[400]" {
				t.Errorf("%s: %q is answered with %v", engine, raw, got)
			}
		}
		if got := fmt.Sprint(s.whos(2)); got != "[{/body 192.0.2.1 127.0.0.1} {/head 127.0.0.1 }]" {
			t.Errorf("%s: the log has %s", engine, got)
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
