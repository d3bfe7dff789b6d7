//go:build unix

package e2e

// The download programs that people really use: curl, wget and aria2. Each is
// the installed one, without its user's own settings, against the built binary.

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is a command that runs in dir. It knows neither the user's settings
// nor a proxy, and speaks English.
func program(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, needTool(t, name), args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir(), "LC_ALL=C.UTF-8"}
	cmd.WaitDelay = patience
	return cmd
}

// succeed runs a program to its end and gives what it printed.
func succeed(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// curl runs curl in dir and gives what it printed.
func curl(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return succeed(t, program(t, dir, "curl", append([]string{"-q", "-sS"}, args...)...))
}

// wget runs wget in dir and gives what it printed.
func wget(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return succeed(t, program(t, dir, "wget", append([]string{"--no-config", "-nv"}, args...)...))
}

// aria2 runs aria2c in dir and gives what it printed.
func aria2(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return succeed(t, program(t, dir, "aria2c", append([]string{"--no-conf", "--file-allocation=none"}, args...)...))
}

// killWhen starts a program and kills it, without warning, once ready says so.
func killWhen(t *testing.T, cmd *exec.Cmd, ready func() bool) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			t.Fatalf("%q came to its end before it was killed", cmd.Args)
		}
	}()
	waitUntil(t, fmt.Sprintf("%q gets far enough to be killed", cmd.Args), ready)
}

// waitUntil waits for what must happen at all.
func waitUntil(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// noise writes a file of pseudo-random bytes, another content for each seed,
// and gives its SHA-256 in hex. Its time of modification lies an hour back, so
// that its date is a strong validator (RFC 9110 section 8.8.2.2).
func noise(t *testing.T, name string, size int64, seed byte) string {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{seed}, 16))
	if err != nil {
		t.Fatal(err)
	}
	stream := cipher.NewCTR(block, make([]byte, 16))
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, chunk := sha256.New(), make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(chunk)) {
		chunk = chunk[:min(int64(len(chunk)), left)]
		clear(chunk)
		stream.XORKeyStream(chunk, chunk)
		sum.Write(chunk)
		if _, err := f.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	aged(t, name, time.Hour)
	return hex.EncodeToString(sum.Sum(nil))
}

// aged sets the time of modification of a file.
func aged(t *testing.T, name string, age time.Duration) {
	t.Helper()
	at := time.Now().Add(-age)
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

// sha256Of is the SHA-256 of a file, in hex; empty if there is no such file.
func sha256Of(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return ""
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// sizeOf is the size of a file, 0 if there is none.
func sizeOf(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// sameTree checks that every file of a folder is in its copy, to the checksum, and gives
// how many there are. What else is in the copy, such as index.html, does not matter.
func sameTree(t *testing.T, dir, into string) (files int) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		if got := sha256Of(t, filepath.Join(into, name)); got != sha256Of(t, filepath.Join(dir, name)) {
			t.Errorf("%q is missing in the copy, or another: %q", name, got)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
	return files
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// headers parses what curl -D or -I wrote: a status line and the fields.
func headers(t *testing.T, raw string) (status string, h textproto.MIMEHeader) {
	t.Helper()
	status, fields, _ := strings.Cut(raw, "\r\n")
	h = textproto.MIMEHeader{}
	for line := range strings.SplitSeq(fields, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Add(name, value)
		}
	}
	return status, h
}

// wholeLog stops the server and gives all that it has logged. Requests on
// different connections are logged in the order in which the server is done
// with them, which need not be that in which the client was.
func (s *server) wholeLog() []record {
	s.t.Helper()
	s.stop()
	return s.records(0)
}

// statuses counts the answers in the access log by status.
func statuses(records []record) map[int]int {
	count := map[int]int{}
	for _, r := range records {
		count[r.Status]++
	}
	return count
}
