package e2e

// This file is whether the score and /readyz are about clients, and nothing
// else.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Ready is who can answer: without a folder nobody can, whatever is still open.
func TestReadyIsAboutWhatIsServed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	remake := func(content string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "file"), content)
	}
	remake("first")
	s := start(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "not ready", func() bool { return s.askAdmin("GET", "/readyz").status == 503 })
	if got := s.askAdmin("GET", "/readyz"); got.body != "not ready: files: "+dir+": no such file or directory\n" {
		t.Errorf("%q", got.body)
	}
	if score := s.health().score("files"); score != 0 {
		t.Errorf("files: %d", score)
	}
	remake("second")
	waitUntil(t, "ready", func() bool { return s.askAdmin("GET", "/readyz").status == 200 })
	if _, body := s.get("/file"); body != "second" {
		t.Errorf("ready, and it serves %q", body)
	}
}

// That operators cannot connect is nothing that clients notice: it is an event
// and takes nothing from the score.
func TestAcceptingOperatorsIsNotAcceptingClients(t *testing.T) {
	s := startBy(t, []string{"sh", "-c", `ulimit -n 64; exec "$@"`, "sh"}, t.TempDir())
	asking, err := net.Dial("tcp", s.admin) // before there is no descriptor left
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	answers := bufio.NewReader(asking)
	health := func() string {
		t.Helper()
		_ = asking.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(asking, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	health()
	for range 100 { // the kernel takes them, whoever accepts them
		conn, err := net.Dial("tcp", s.admin)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	s.says(t, `"event":"accept"`, "accepting connections of operators", "too many open files")
	accept := func() string {
		for line := range strings.Lines(health()) {
			if strings.HasPrefix(line, "accept") {
				return strings.Join(strings.Fields(line), " ")
			}
		}
		return ""
	}
	// What follows is looked at more than a second later than what was before.
	waitUntil(t, "a look without descriptors", func() bool { return strings.Contains(health(), "too many open files") })
	if got := accept(); got != "accept 100" {
		t.Errorf("operators cannot connect: %q", got)
	}
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	waitUntil(t, "a failure to accept a client", func() bool {
		return strings.HasPrefix(accept(), "accept 60") || strings.HasPrefix(accept(), "accept 20")
	})
}
