package e2e

// A server that is short of what it needs: new clients are turned away, those that are in
// are not.

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startShort starts a server that may have as many descriptors.
func startShort(t *testing.T, descriptors int, args ...string) *server {
	t.Helper()
	return startBy(t, []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, descriptors), "sh"}, args...)
}

// Of 100 clients, a process with 64 descriptors serves as many as it can. The others are
// told to come again, at once; the downloads in flight arrive whole; and when they are
// over, everybody is served again, which is said everywhere.
func TestShortOfDescriptors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var sums []string
	for i := range 8 {
		sums = append(sums, noise(t, filepath.Join(dir, fmt.Sprint("file", i)), 8<<20, byte(i)))
	}
	s := startShort(t, 64, dir)
	var served []*client
	for i := range 8 {
		served = append(served, s.slowly(t, fmt.Sprint("/file", i)))
	}
	var held []*client
	refused, in := 0, 0
	for range 100 {
		c := dial(t, s.addr, 4096)
		held = append(held, c)
		if _, err := io.WriteString(c, getRequest("/file0")); err != nil {
			continue
		}
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil { // too many to be told
			refused++
			continue
		}
		switch resp.StatusCode {
		case 200:
			in++
		case 503:
			refused++
			if resp.Header.Get("Retry-After") == "" {
				t.Errorf("refused without Retry-After: %v", resp.Header)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(body), "open as it may") {
				t.Errorf("refused with %q, %v", body, err)
			}
		default:
			t.Errorf("answered %s", resp.Status)
		}
	}
	if in == 0 || refused < 50 {
		t.Errorf("%d are served, %d refused", in, refused)
	}
	if h := s.health(); h.Score > 40 || !strings.Contains(strings.Join(h.Reasons, "\n"), "load: new clients are refused: too many open files, of 64") {
		t.Errorf("health is %+v", h)
	}
	if n := s.scrape()["fullbore_refused_total rule=descriptors"]; n < 50 {
		t.Errorf("%v refusals are counted", n)
	}
	s.says(t, `"event":"refusing"`, `"rule":"descriptors"`, `"state":"begun"`)
	for i, c := range served {
		hash := sha256.New()
		if n, err := io.CopyN(hash, c.r, 8<<20); err != nil || hex.EncodeToString(hash.Sum(nil)) != sums[i] {
			t.Errorf("file%d, which was on its way: %d bytes, %v", i, n, err)
		}
	}
	for _, c := range held {
		c.Close()
	}
	waitUntil(t, "new clients to be served", func() bool {
		resp, err := http.Get(s.url("/file0"))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == 200 && err == nil
	})
	waitUntil(t, "health to be perfect", func() bool { return s.health().Score == 100 })
	s.says(t, `"event":"refusing"`, `"rule":"descriptors"`, `"state":"over"`)
	for _, r := range s.wholeLog() {
		if (r.Rule != "") != (r.Status == 503) {
			t.Errorf("logged %+v", r)
		}
	}
}

// A process whose memory is in use refuses everybody, in few words.
func TestShortOfMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "file"), "content")
	s := startWith(t, func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "GOMEMLIMIT=1MiB") }, nil, dir)
	s.says(t, `"event":"refusing"`, `"rule":"memory"`, `"state":"begun"`)
	for range 20 {
		c := dial(t, s.addr, 0)
		all, err := io.ReadAll(c.r)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(all))), nil)
		if err != nil || resp.StatusCode != 503 || !strings.Contains(string(all), `"rule":"memory"`) {
			t.Fatalf("%v: %s", err, all)
		}
		c.Close()
	}
	if h := s.health(); !strings.Contains(strings.Join(h.Reasons, "\n"), "of memory are in use") {
		t.Errorf("health is %+v", h)
	}
}
