//go:build linux

// Package imagetest makes Docker images of Go programs, for tests that need real
// containers. It exists because no registry may be at hand, and because a machine
// without an engine should skip by name, and one that must have it should fail.
package imagetest

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fullbore/bench/process"
)

// Need skips the test, or fails it where FULLBORE_REQUIRE_TOOLS=1 requires everything.
func Need(t *testing.T) {
	t.Helper()
	out, err := exec.Command("docker", "version", "--format", "{{.Server.Os}}").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("FULLBORE_REQUIRE_TOOLS") == "1":
		t.Fatalf("no Docker engine answers, and FULLBORE_REQUIRE_TOOLS=1 requires one: %s", out)
	default:
		t.Skip("no Docker engine answers")
	}
}

// Import builds a Go package and returns the id of an image with nothing but the
// static program, called name, as its entry point. The image is removed when the
// test has ended.
func Import(t *testing.T, pkg, name string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	if err := process.Build(t.Context(), pkg, binary); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	load := exec.Command("docker", "import", "--change", `ENTRYPOINT ["/`+name+`"]`, "-")
	load.Stdin = &layer
	out, err := load.CombinedOutput()
	if err != nil {
		t.Fatalf("docker import: %v: %s", err, out)
	}
	id := strings.TrimSpace(string(out))
	t.Cleanup(func() { Docker(t, "image", "rm", "--force", id) })
	return id
}

// Docker runs it and returns all that it printed. That it fails is an error of the
// test, which goes on.
func Docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Errorf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
