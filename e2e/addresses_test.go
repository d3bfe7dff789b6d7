//go:build linux

package e2e

// What is listened on, and what is said of it.

import (
	"bytes"
	endian "encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// boundAt asks the kernel which addresses are listened on at the port of addr;
// see proc(5), /proc/net/tcp.
func boundAt(t *testing.T, addr string) (ips []string) {
	t.Helper()
	port := netip.MustParseAddrPort(addr).Port()
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			fields := strings.Fields(line)
			host, at, _ := strings.Cut(fields[1], ":")
			if fields[3] != "0A" || at != fmt.Sprintf("%04X", port) {
				continue
			}
			ip, err := hex.DecodeString(host)
			if err != nil {
				t.Fatal(err)
			}
			for word := range slices.Chunk(ip, 4) { // each in the machine's order
				endian.BigEndian.PutUint32(word, endian.NativeEndian.Uint32(word))
			}
			address, _ := netip.AddrFromSlice(ip)
			ips = append(ips, address.String())
		}
	}
	return ips
}

// linesOf gives what follows a word at the beginning of lines, when the server
// has started.
func (s *server) linesOf(word string) (found []string) {
	s.t.Helper()
	s.stderr.waitFor(s.t, `"event":"start"`, "serving ")
	for line := range strings.Lines(s.stderr.String()) {
		if rest, ok := strings.CutPrefix(line, word+" "); ok {
			found = append(found, strings.TrimSuffix(rest, "\n"))
		}
	}
	return found
}

// needIPv6 skips a test where the machine has none.
func needIPv6(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("there is no IPv6 here: %v", err)
	}
	_ = ln.Close()
}

func TestListenersAreBoundAsWritten(t *testing.T) {
	needIPv6(t)
	dir := t.TempDir()
	for _, test := range []struct {
		listen, admin string
		want          [][]string // what is bound, of each port; the admin listener's last
	}{
		{"127.0.0.1:0", "127.0.0.1:0", [][]string{{"127.0.0.1"}, {"127.0.0.1"}}},
		{"0.0.0.0:0", "0.0.0.0:0", [][]string{{"0.0.0.0"}, {"0.0.0.0"}}},
		{"[::]:0", "[::]:0", [][]string{{"::"}, {"::"}}},
		{":0", ":0", [][]string{{"::"}, {"::"}}},
		{"[::1]:0", "[::1]:0", [][]string{{"::1"}, {"::1"}}},
		{"lo:0", "lo:0", [][]string{{"127.0.0.1", "::1"}, {"127.0.0.1", "::1"}}},
		{"127.0.0.1:0,[::1]:0,127.0.0.2:0", "127.0.0.1:0", [][]string{{"127.0.0.1"}, {"::1"}, {"127.0.0.2"}, {"127.0.0.1"}}},
	} {
		s := launch(t, asIs, binary, "serve", dir, "--listen", test.listen, "--admin", test.admin, "--access-log", "off")
		var got [][]string
		seen := map[string]bool{}
		for _, url := range slices.Concat(s.linesOf("listening"), s.linesOf("admin")) {
			addr := strings.TrimPrefix(url, "http://")
			if _, port, _ := net.SplitHostPort(addr); !seen[port] {
				seen[port] = true
				got = append(got, boundAt(t, addr))
			}
			if status := askAt(t, addr, "GET", "/").status; status != 200 {
				t.Errorf("%s, %s: %s answers %d", test.listen, test.admin, url, status)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s, %s: bound is %v, want %v", test.listen, test.admin, got, test.want)
		}
		if code := s.stop(); code != 0 {
			t.Errorf("%s: exit status %d:\n%s", test.listen, code, s.stderr)
		}
	}
}

// Repeated on the command line, as a list in the file and in the environment.
func TestSeveralAddressesFromEverywhere(t *testing.T) {
	needIPv6(t)
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	writeFile(t, file, "listen:\n- 127.0.0.1:0\n- '[::1]:0'\n")
	for name, prepare := range map[string]func(*exec.Cmd){
		"flags":       func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--listen", "127.0.0.1:0", "--listen", "[::1]:0") },
		"environment": func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "FULLBORE_LISTEN=127.0.0.1:0, [::1]:0") },
		"file":        func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--config", file) },
	} {
		s := launch(t, prepare, binary, "serve", dir, "--admin", "", "--access-log", "off")
		var hosts []string
		for _, url := range s.linesOf("listening") {
			addr := strings.TrimPrefix(url, "http://")
			hosts = append(hosts, boundAt(t, addr)...)
			if status := askAt(t, addr, "GET", "/").status; status != 200 {
				t.Errorf("%s: %s answers %d", name, url, status)
			}
		}
		if !slices.Equal(hosts, []string{"127.0.0.1", "::1"}) {
			t.Errorf("%s: listens on %q", name, hosts)
		}
	}
}

// inNetwork is a command that runs another one in a network of its own, whose
// interface lan0 has 192.0.2.7 and 2001:db8::7, beside one that is down.
func inNetwork(t *testing.T) []string {
	t.Helper()
	unshare := needTool(t, "unshare")
	needTool(t, "ip")
	const network = `ip link set lo up && ip link add lan0 type veth peer name lan1 && ip link add far0 type veth peer name far1 &&
		ip addr add 203.0.113.9/24 dev far0 && ip addr add 192.0.2.7/24 dev lan0 &&
		ip link set lan0 up && ip link set lan1 up && ip -6 addr add 2001:db8::7/64 dev lan0 nodad && `
	if out, err := exec.Command(unshare, "-rn", "sh", "-c", network+"true").CombinedOutput(); err != nil {
		t.Skipf("no network of our own can be made here: %v: %s", err, out)
	}
	return []string{unshare, "-rn", "sh", "-c", network + `exec "$@"`, "sh"}
}

// enter runs a command in a server's network.
func (s *server) enter(line ...string) string {
	s.t.Helper()
	args := append([]string{"-U", "--preserve-credentials", "-n", "-t", fmt.Sprint(s.cmd.Process.Pid)}, line...)
	out, err := exec.Command(needTool(s.t, "nsenter"), args...).CombinedOutput()
	if err != nil {
		s.t.Errorf("%q: %v: %s", line, err, out)
	}
	return string(out)
}

func TestURLsForOthers(t *testing.T) {
	curl, network := needTool(t, "curl"), inNetwork(t)
	dir := folderWith(t, "file", "content")
	for _, test := range []struct {
		listen               string
		listening, reachable []string
	}{
		{":8000", []string{"http://[::]:8000"}, []string{"http://192.0.2.7:8000", "http://[2001:db8::7]:8000"}},
		{"[::]:8000", []string{"http://[::]:8000"}, []string{"http://192.0.2.7:8000", "http://[2001:db8::7]:8000"}},
		{"0.0.0.0:8000", []string{"http://0.0.0.0:8000"}, []string{"http://192.0.2.7:8000"}},
		{"127.0.0.1:8000", []string{"http://127.0.0.1:8000"}, nil},
		{"lan0:8000", []string{"http://192.0.2.7:8000", "http://[2001:db8::7]:8000"}, nil},
		{"far0:8000,lo:8000", []string{"http://203.0.113.9:8000", "http://127.0.0.1:8000", "http://[::1]:8000"}, nil},
	} {
		s := launch(t, asIs, append(network, binary, "serve", dir, "--listen", test.listen, "--admin", "", "--access-log", "off")...)
		listening, reachable := s.linesOf("listening"), s.linesOf("reachable")
		if !slices.Equal(listening, test.listening) || !slices.Equal(reachable, test.reachable) {
			t.Errorf("%s: listening %q, reachable %q; want %q, %q", test.listen, listening, reachable, test.listening, test.reachable)
		}
		for _, url := range reachable {
			if got := s.enter(curl, "-sS", "-g", "--noproxy", "*", url+"/file"); got != "content" {
				t.Errorf("%s: %s gives %q", test.listen, url, got)
			}
		}
	}
	s := launch(t, asIs, append(network, binary, "serve", dir, "--listen", "0.0.0.0:8000", "--admin", "", "--access-log", "off", "--base-path", "/files")...)
	if got := s.linesOf("reachable"); !slices.Equal(got, []string{"http://192.0.2.7:8000/files/"}) {
		t.Errorf("with a prefix, reachable is %q", got)
	}
	// An interface without an address, as it is before its network is up.
	cmd := exec.Command(network[0], append(network[1:], binary, "serve", dir, "--listen", "far1:8000")...)
	out, _ := cmd.CombinedOutput()
	if want := "fullbore: --listen far1:8000: interface far1 has no address: give it one first, or listen on every address\n"; string(out) != want || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%q, want %q", out, want)
	}
}

// endsWithTerminal ends a server with the script(1) that it runs in: to the server, the
// SIGHUP of a terminal that goes away is a reload.
const endsWithTerminal = "exec setpriv --pdeathsig KILL"

// A camera reads from the terminal what others can use.
func TestQRCodeIsTheFirstURL(t *testing.T) {
	script, zbarimg, network := needTool(t, "script"), needTool(t, "zbarimg"), inNetwork(t)
	line := strings.Join([]string{endsWithTerminal, binary, "serve", t.TempDir(), "--listen", ":8000", "--admin", "''", "--access-log", "off", "--qr"}, " ")
	screen := newLineCollector()
	launch(t, func(cmd *exec.Cmd) { cmd.Stdout = screen }, append(network, script, "-qefc", line, "/dev/null")...)
	screen.waitFor(t, "serving ", "")
	var rows [][]rune
	for _, match := range regexp.MustCompile("(?m)^\x1b\\[30;107m([ ▀▄█]+)\x1b\\[0m\r?$").FindAllStringSubmatch(screen.String(), -1) {
		rows = append(rows, []rune(match[1]))
	}
	if len(rows) == 0 {
		t.Fatalf("no code in %q", screen)
	}
	image := filepath.Join(t.TempDir(), "code.pgm")
	writeFile(t, image, photograph(rows))
	out, err := exec.Command(zbarimg, "-q", "--raw", image).Output()
	if got := string(bytes.TrimSpace(out)); err != nil || got != "http://192.0.2.7:8000" {
		t.Errorf("the code is %q, %v", got, err)
	}
}

// photograph draws half blocks as an image, eight pixels a module; see pgm(5).
func photograph(rows [][]rune) string {
	const scale = 8
	var pixels strings.Builder
	fmt.Fprintf(&pixels, "P2 %d %d 1\n", scale*len(rows[0]), scale*2*len(rows))
	for y := range 2 * len(rows) {
		var line strings.Builder
		for _, r := range rows[y/2] {
			pixel := "1 "
			if r == '█' || (r == '▀' && y%2 == 0) || (r == '▄' && y%2 == 1) {
				pixel = "0 "
			}
			line.WriteString(strings.Repeat(pixel, scale))
		}
		pixels.WriteString(strings.Repeat(line.String()+"\n", scale))
	}
	return pixels.String()
}

// Whoever cannot be shown a code is told why.
func TestQRCodeNobodyCouldUse(t *testing.T) {
	s := start(t, t.TempDir(), "--qr")
	s.stderr.waitFor(t, "qr: standard error is no terminal", "warn")
	screen := newLineCollector()
	line := strings.Join([]string{endsWithTerminal, binary, "serve", t.TempDir(), "--listen", "127.0.0.1:0", "--admin", "''", "--access-log", "off", "--qr"}, " ")
	launch(t, func(cmd *exec.Cmd) { cmd.Stdout = screen }, needTool(t, "script"), "-qefc", line, "/dev/null")
	screen.waitFor(t, "qr: no URL for others to use", "--listen :8080")
}
