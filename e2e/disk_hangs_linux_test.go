package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that does not answer, a FUSE mount whose process is stopped, keeps those who
// want its files: to open, to read on, to close. Others are served meanwhile, and once
// it answers all of its files come whole.
func TestDiskThatHangsHoldsNobodyUp(t *testing.T) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("there is no /dev/fuse here")
	}
	const files, size = 16, 12 << 20
	dir := t.TempDir()
	for _, folder := range []string{"source", "root/disk"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		sparse(t, dir, fmt.Sprint("source/", i), size)
	}
	write(t, dir+"/root/small", "s")
	s := namespaced(t, dir+"/root")
	disk := s.fuse(t, dir+"/source", dir+"/root/disk")
	name := func(i int) string { return s.url(fmt.Sprint("/disk/", i)) }
	waitUntil(t, "the mount is there", func() bool {
		resp, err := http.Head(name(0))
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})

	got := make(chan string, files)
	take := func(resp *http.Response, err error) {
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		got <- fmt.Sprint(resp.StatusCode, n, err)
	}
	begun := make([]*http.Response, files/2)
	for i := range begun {
		resp, err := http.Get(name(i))
		if err != nil {
			t.Fatal(err)
		}
		begun[i] = resp
	}
	if err := disk.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Signal(syscall.SIGCONT) })
	for i := range files {
		if i < len(begun) {
			go take(begun[i], nil)
		} else {
			go func() { take(http.Get(name(i))) }()
		}
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 2 * files {
		resp, err := client.Get(s.url("/small"))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "s" {
			t.Fatalf("%q, %v", body, err)
		}
		resp.Body.Close()
	}
	if len(got) == files {
		t.Error("the disk has answered")
	}
	if err := disk.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for range files {
		if answer := <-got; answer != fmt.Sprint(http.StatusOK, size, nil) {
			t.Error(answer)
		}
	}
}
