//go:build unix

package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fullbore/app/config"
	"fullbore/app/deadline"
)

// patience is for what must happen at all.
const patience = 60 * time.Second

// A reload may hang for ever, in a file system that does not answer. The log is
// opened anew meanwhile, and the server ends.
func TestReloadThatHangsHoldsNothing(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	settings := &config.Settings{Config: config.Config{
		Path: t.TempDir(), Listen: []string{"127.0.0.1:0"}, AccessLog: log, LogFormat: "json",
		Times: deadline.Default(), DrainTimeout: time.Minute,
	}}
	reloading, forever := make(chan struct{}), make(chan struct{})
	begun := sync.OnceFunc(func() { close(reloading) })
	defer close(forever)
	load := func() (*config.Settings, error) {
		begun()
		<-forever
		return nil, os.ErrClosed
	}
	stderr, said := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(settings, load, io.Discard, said) }()
	address := listening(t, stderr)
	go func() { _, _ = io.Copy(io.Discard, stderr) }()

	kill(t, syscall.SIGHUP)
	wait(t, reloading, "reload")
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	kill(t, syscall.SIGHUP)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(log); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the log is not opened anew: ", err)
		}
	}
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	kill(t, syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the server did not end")
	}
	records, err := os.ReadFile(log)
	if err != nil || strings.Count(string(records), "\n") != 1 {
		t.Errorf("%v, the new log has %q, want one record", err, records)
	}
}

// listening reads the address of the server that writes to stderr.
func listening(t *testing.T, stderr io.Reader) string {
	t.Helper()
	text := make([]byte, 1<<10)
	n, err := stderr.Read(text)
	address, ok := strings.CutPrefix(strings.SplitN(string(text[:n]), "\n", 2)[0], "listening ")
	if err != nil || !ok {
		t.Fatalf("%v; it says %q", err, text[:n])
	}
	return address
}

func kill(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("no " + what)
	}
}
