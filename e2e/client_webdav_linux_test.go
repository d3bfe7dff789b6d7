package e2e

// Read-only WebDAV with the programs that people mount and copy with.

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// webdav is a server of a tree with names that are hard, and their checksums by path. args
// are more flags.
func webdav(t *testing.T, args ...string) (s *server, dir string, sums map[string]string) {
	t.Helper()
	dir, sums = t.TempDir(), map[string]string{}
	for i, name := range []string{
		"plain.txt", "a & b <c>.bin", "100%25 #1?.bin", "sub dir/ü/emoji 🎈.bin", "sub dir/+plus;semi=.bin", "empty/../e'quote\".bin",
	} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(dir, full)
		sums[rel] = noise(t, full, int64(i)*150_000, byte(i))
	}
	return start(t, append(args, dir, "--dav")...), dir, sums
}

// rclone runs rclone, whose :webdav: is the server, and gives what it printed.
func rclone(t *testing.T, s *server, args ...string) string {
	t.Helper()
	return succeed(t, program(t, t.TempDir(), "rclone", append(args, "--config", "/dev/null", "--webdav-url", s.url("/"))...))
}

func TestWebDAVWithRclone(t *testing.T) {
	s, dir, sums := webdav(t)
	listed := strings.Split(strings.TrimSpace(rclone(t, s, "lsf", "-R", "--files-only", ":webdav:")), "\n")
	if len(listed) != len(sums) {
		t.Errorf("rclone lsf: %q", listed)
	}
	for _, name := range listed {
		if _, ok := sums[name]; !ok {
			t.Errorf("rclone lsf: %q", name)
		}
	}
	into := t.TempDir()
	rclone(t, s, "copy", ":webdav:", into)
	sameTree(t, dir, into)
	if said := rclone(t, s, "check", "--download", dir, ":webdav:"); !strings.Contains(said, " 0 differences") {
		t.Errorf("rclone check: %s", said)
	}
	rclone(t, s, "copy", ":webdav:", into) // again: nothing is new
	gets := 0
	for _, r := range s.wholeLog() {
		switch {
		case r.Method == "GET":
			gets++
		case r.Method != "PROPFIND" || r.Status != 207 || r.Outcome != "complete" || r.Sent == 0:
			t.Errorf("%+v", r)
		}
	}
	if gets != 2*len(sums) {
		t.Errorf("%d files were fetched, want each once by copy and once by check", gets)
	}
}

// mounted runs a script in a mount namespace of its own, with the folder to mount on as $1
// and one for the rest as $2, and gives what it printed.
func mounted(t *testing.T, script string, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("there is no /dev/fuse here")
	}
	unshare := needTool(t, "unshare")
	if out, err := exec.Command(unshare, "-m", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("mounting in a namespace of one's own: %v: %s", err, out)
	}
	line := append([]string{"-m", "sh", "-ec", script, "sh", t.TempDir(), t.TempDir()}, args...)
	return succeed(t, program(t, "/", "unshare", line...))
}

func TestWebDAVMountedWithRclone(t *testing.T) { mountedWithRclone(t, "webdav") }

func TestListingsMountedWithRclone(t *testing.T) { mountedWithRclone(t, "http") }

func mountedWithRclone(t *testing.T, kind string) {
	needTool(t, "rclone")
	s, dir, _ := webdav(t, "--browse")
	into := t.TempDir()
	mounted(t, `
		rclone mount ":$5:" "$1" "--$5-url" "$3" --config /dev/null --cache-dir "$2" --read-only --daemon --daemon-wait 30s
		cp -r "$1/." "$4"
		umount "$1"`, s.url("/"), into, kind)
	sameTree(t, dir, into)
}

func TestWebDAVMountedWithDavfs2(t *testing.T) {
	needTool(t, "mount.davfs")
	s, dir, _ := webdav(t)
	into := t.TempDir()
	// buf_size: new kernels read folders in larger pieces than davfs2 1.6.1 has room for.
	mounted(t, `
		printf '%s\n' 'dav_user root' 'dav_group root' 'ask_auth 0' 'use_locks 0' 'buf_size 256' "cache_dir $2" >"$2/conf"
		mount --bind "$2/conf" /etc/davfs2/davfs2.conf
		mount.davfs -o ro "$3" "$1" </dev/null
		cp -r "$1/." "$4"
		umount "$1"
		rmdir "$4/lost+found"`, s.url("/"), into)
	sameTree(t, dir, into)
}

func TestWebDAVWithCadaver(t *testing.T) {
	s, _, sums := webdav(t)
	into := t.TempDir()
	cmd := program(t, into, "cadaver", s.url("/"))
	cmd.Stdin = strings.NewReader("ls\ncd \"sub dir\"\nls\nget \"+plus;semi=.bin\"\ncd ..\nget plain.txt\nput plain.txt other.txt\nquit\n")
	said := succeed(t, cmd)
	for _, words := range []string{"Coll:   sub dir", "+plus;semi=.bin", "405 Method Not Allowed"} {
		if !strings.Contains(said, words) {
			t.Errorf("cadaver does not say %q:\n%s", words, said)
		}
	}
	for name, rel := range map[string]string{"plain.txt": "plain.txt", "+plus;semi=.bin": "sub dir/+plus;semi=.bin"} {
		if sha256Of(t, filepath.Join(into, name)) != sums[rel] {
			t.Errorf("%s is not the original:\n%s", name, said)
		}
	}
}

// A folder of 100,000 names is answered for while it is read.
func TestWebDAVOfALargeFolderIsFlat(t *testing.T) {
	const names = 100_000
	dir := t.TempDir()
	for i := range names {
		write(t, filepath.Join(dir, fmt.Sprintf("a file whose name is of some length, number %d", i)), "")
	}
	s := start(t, dir, "--dav")
	ask := func() (responses int) {
		req, err := http.NewRequest("PROPFIND", s.url("/"), strings.NewReader(`<propfind xmlns="DAV:"><allprop/></propfind>`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Depth", "1")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for d := xml.NewDecoder(resp.Body); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				return responses
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "response" {
				responses++
			}
		}
	}
	before := s.scrape()["process_resident_memory_bytes"]
	for range 2 {
		if n := ask(); n != names+1 {
			t.Errorf("%d responses", n)
		}
	}
	if grown := s.scrape()["process_resident_memory_bytes"] - before; grown > 16<<20 {
		t.Errorf("it grew by %.0f bytes for an answer of some 45 MB", grown)
	}
	waitUntil(t, "both are counted", func() bool {
		return s.scrape()["fullbore_requests_total code=2xx kind=listing method=PROPFIND"] == 2
	})
}

// Off, it is as if there were no WebDAV; a reload turns it on.
func TestWebDAVIsOffByDefault(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	write(t, file, "path: "+dir+"\n")
	s := start(t, "--config", file)
	status := func(method string) int {
		t.Helper()
		c := dial(t, s.addr, 0)
		c.send(t, method+" / HTTP/1.1\r\nHost: test\r\nDepth: 0\r\n\r\n")
		var status int
		if _, err := fmt.Sscanf(c.header(t), "HTTP/1.1 %d", &status); err != nil {
			t.Fatal(err)
		}
		return status
	}
	for method, want := range map[string]int{"PROPFIND": 501, "LOCK": 501, "OPTIONS": 204, "PUT": 405} {
		if got := status(method); got != want {
			t.Errorf("%s: %d, want %d", method, got, want)
		}
	}
	write(t, file, "path: "+dir+"\ndav: true\n")
	waitUntil(t, "WebDAV is on", func() bool { return status("PROPFIND") == 207 })
	for method, want := range map[string]int{"LOCK": 405, "MKCOL": 405, "OPTIONS": 200, "PUT": 405, "SEARCH": 501} {
		if got := status(method); got != want {
			t.Errorf("%s: %d, want %d", method, got, want)
		}
	}
}
