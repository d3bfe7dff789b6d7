//go:build linux

package target

// This file finds the process of a container. It exists because a person knows
// the container's name, and /proc knows pids only.

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
)

// ContainerPID asks Docker for the first process of a container, as this
// machine's /proc knows it. A container that does not run is an error.
func ContainerPID(ctx context.Context, name string) (int, error) {
	output, err := exec.CommandContext(ctx, "docker", "inspect", "--format", "{{.State.Pid}}", "--", name).CombinedOutput()
	words := string(bytes.Join(bytes.Fields(output), []byte(" ")))
	if err != nil {
		return 0, fmt.Errorf("container %s: %w: %s", name, err, words)
	}
	pid, err := strconv.Atoi(words)
	if err != nil || pid == 0 {
		return 0, fmt.Errorf("container %s does not run", name)
	}
	return pid, nil
}
