//go:build unix

package e2e

// A real nginx: as a proxy in front of the server, and as the server that other
// programs' requests are compared with.

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startNginx runs nginx with the content of a server block, and gives its address: that
// of a forwarder to its socket in a folder, since it cannot tell which port it picked.
func startNginx(t *testing.T, server string) (addr string) {
	t.Helper()
	program, dir := needTool(t, "nginx"), t.TempDir()
	socket := filepath.Join(dir, "socket")
	var temp strings.Builder
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s; ", name, dir, name)
	}
	write(t, filepath.Join(dir, "conf"), fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr crit; events {}
http { access_log off; absolute_redirect off; %[2]s server { listen unix:%[3]s; %[4]s } }
`, dir, &temp, socket, server))
	cmd := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "conf"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	waitUntil(t, "nginx listens", func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return forward(t, socket)
}

// forward carries connections to a socket in a folder.
func forward(t *testing.T, socket string) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // an end of either is the end of both
		to.Close()
		from.Close()
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				conn.Close()
				continue
			}
			go carry(server, conn)
			go carry(conn, server)
		}
	}()
	return listener.Addr().String()
}

// Behind a proxy that passes the prefix on, with --base-path, and behind one that strips
// it, with nothing: mirrors, redirects and pages work.
func TestBehindAProxyWithAPrefix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mirrorTree(t, dir)
	for _, test := range []struct {
		name, location string
		args           []string
	}{
		{"passed on", "location /pub/files { proxy_pass http://%s; }", []string{"--base-path", "/pub/files/"}},
		{"stripped", "location /pub/files/ { proxy_pass http://%s/; }", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, append(test.args, dir)...)
			base := "http://" + startNginx(t, fmt.Sprintf(test.location, s.addr)) + "/pub/files"
			into := t.TempDir()
			wget(t, into, "-m", "-np", "-nH", "--cut-dirs=2", "--restrict-file-names=nocontrol", "--local-encoding=UTF-8", "--remote-encoding=UTF-8", base+"/")
			sameTree(t, dir, into)
			if got := curl(t, dir, "-f", "-L", base); !strings.Contains(got, "plain.txt\n") {
				t.Errorf("the prefix itself gives %q", got)
			}
			for _, path := range []string{"/folder", "/folder?x=1"} { // the redirect is relative
				if got := curl(t, dir, "-f", "-L", "-o", "/dev/null", "-w", "%{url_effective}", base+path); !strings.HasPrefix(got, base+"/folder/") {
					t.Errorf("%s leads to %s", path, got)
				}
			}
			for _, r := range s.wholeLog() {
				if r.Status >= 400 && r.Path != "/robots.txt" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func TestNothingIsServedOutsideOfTheBasePath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "pub", "files"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "f"), "root")
	write(t, filepath.Join(dir, "pub", "files", "f"), "below")
	s := start(t, "--base-path", "/pub/files", dir)
	for path, want := range map[string]string{
		"/pub/files/f": "200 root", "/pub/files/pub/files/f": "200 below", "/pub/files/../files/f": "200 root",
		"/pub/files": "302 ./files/", "/pub/files?x": "302 ./files/?x", "/pub/files/pub": "302 ./pub/",
		"/": "404", "/f": "404", "/pub/": "404", "/pub/filesystem": "404", "/pub/files/../f": "404", "/pub/files/../../f": "404", "/pub/files%2f..%2ff": "404",
		"/PUB/files/f": "404", "/pub/Files": "404", "/Pub/FILES/": "404", // paths are told apart by case: RFC 9110 section 4.2.3
	} {
		got := curl(t, dir, "--path-as-is", "-w", "\n%{http_code} %header{location}", s.url(path))
		body, status, _ := strings.Cut(got, "\n")
		if status = strings.TrimSpace(status); status == "200" {
			status += " " + body
		}
		if lines := strings.Split(got, "\n"); !strings.HasPrefix(want, "200") {
			status = strings.TrimSpace(lines[len(lines)-1])
		}
		if status != want {
			t.Errorf("%s: %s, want %s", path, status, want)
		}
	}
	page := start(t, "--base-path", "/single", filepath.Join(dir, "f"))
	if got := curl(t, dir, "-f", "-L", page.url("/single")); got != "root" {
		t.Errorf("of a single file the prefix gives %q", got)
	}
}

// In a browser, a folder and a file are found by links and buttons.
func TestPageBehindAPrefix(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sub", "one"), "1")
	write(t, filepath.Join(dir, "sub", "two"), "22")
	s := start(t, "--base-path", "/pub", dir)
	p := newTab(t, startNginx(t, fmt.Sprintf("location / { proxy_pass http://%s; }", s.addr)))
	p.open("/pub/")
	p.clickName("sub/")
	p.shows("one", "two")
	p.click("thead .s button")
	p.shows("two", "one")
	p.click("#up")
	p.shows("sub/")
}
