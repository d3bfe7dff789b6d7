//go:build unix

package e2e

// Replicas: one file on several servers, behind one name, is one file.

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fetchWith gets a file, with header fields such as "Range: bytes=1-".
func fetchWith(t *testing.T, url string, fields ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		request.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestDownloadResumesAtAReplica(t *testing.T) {
	t.Parallel()
	here, there := t.TempDir(), t.TempDir()
	noise(t, filepath.Join(here, "f"), 1<<20, 71)
	succeed(t, program(t, here, "rsync", "-a", here+"/", there+"/"))
	one, other := start(t, here), start(t, there)
	whole, content := fetchWith(t, one.url("/f"))
	part, rest := fetchWith(t, other.url("/f"), "Range: bytes=1000-", "If-Range: "+whole.Header.Get("ETag"))
	if part.StatusCode != 206 || rest != content[1000:] {
		t.Errorf("%d, %d bytes; the tag is %s here and %s there", part.StatusCode, len(rest), whole.Header.Get("ETag"), part.Header.Get("ETag"))
	}
}

func TestReplicaServedByNginx(t *testing.T) {
	t.Parallel()
	needTool(t, "curl")
	dir, state := t.TempDir(), t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	noise(t, filepath.Join(dir, "f"), 123457, 72)
	socket, conf := filepath.Join(state, "socket"), filepath.Join(state, "nginx.conf")
	write(t, conf, fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen unix:%[2]s; root %[3]s; } }
`, state, socket, dir))
	nginx := exec.Command(needTool(t, "nginx"), "-c", conf, "-p", state)
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = nginx.Process.Kill()
		_ = nginx.Wait()
	})
	waitUntil(t, "nginx listens", func() bool { _, err := os.Stat(socket); return err == nil })
	s := start(t, "--etag", "seconds", dir)
	_, theirs := headers(t, curl(t, dir, "-I", "--retry", "5", "--retry-all-errors", "--unix-socket", socket, "http://nginx/f"))
	_, ours := headers(t, curl(t, dir, "-I", s.url("/f")))
	for _, name := range []string{"ETag", "Last-Modified"} {
		if theirs.Get(name) != ours.Get(name) || ours.Get(name) == "" {
			t.Errorf("%s: nginx has %s, we have %s", name, theirs.Get(name), ours.Get(name))
		}
	}
}

// A file that is asked for often, of a time that never changes: what is kept of it must
// not outlive it.
func TestExchangedImagesOfOneTime(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(1, 0), time.Now().Add(24 * time.Hour)} {
		dir := t.TempDir()
		name := filepath.Join(dir, "current")
		put := func(content string) {
			write(t, name+".new", content)
			if err := os.Chtimes(name+".new", at, at); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(name+".new", name); err != nil {
				t.Fatal(err)
			}
		}
		s := start(t, dir)
		put("version 1")
		time.Sleep(2100 * time.Millisecond) // now it may be kept
		tags := map[string]string{}
		ask := func(want string, fields ...string) *http.Response {
			t.Helper()
			resp, body := fetchWith(t, s.url("/current"), fields...)
			if resp.StatusCode != 200 || body != want {
				t.Errorf("%v, %q: %d %q, want %q", at.Unix(), fields, resp.StatusCode, body, want)
			}
			if date, ok := resp.Header["Last-Modified"]; ok {
				t.Errorf("%v: Last-Modified is %s", at.Unix(), date)
			}
			return resp
		}
		for range 4 {
			tags[ask("version 1").Header.Get("ETag")] = "version 1"
		}
		if len(tags) != 1 || tags[""] != "" {
			t.Errorf("%v: one version has the tags %q", at.Unix(), tags)
		}
		put("version 2")
		for tag := range tags {
			ask("version 2", "If-None-Match: "+tag)
			ask("version 2", "Range: bytes=1-", "If-Range: "+tag)
		}
		ask("version 2", "If-Modified-Since: "+time.Now().UTC().Format(http.TimeFormat))
	}
}
