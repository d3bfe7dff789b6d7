//go:build linux

package process

// This file finds and starts containers. It exists because a person knows the
// container's name, and /proc knows pids only.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ContainerPID asks Docker for the first process of a container, as this
// machine's /proc knows it. A container that does not run is an error.
func ContainerPID(ctx context.Context, name string) (int, error) {
	words, err := inspect(ctx, name, "{{.State.Pid}}")
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(words)
	if err != nil || pid == 0 {
		return 0, fmt.Errorf("container %s does not run", name)
	}
	return pid, nil
}

// ContainerEnd says how a container that has just died ended; empty if unknown.
func ContainerEnd(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), endWithin)
	defer cancel()
	// Docker hears of the end a moment after /proc shows it.
	code, err := exec.CommandContext(ctx, "docker", "wait", "--", name).Output()
	if err != nil {
		return ""
	}
	words := "exit code " + string(bytes.TrimSpace(code))
	if killed, err := inspect(ctx, name, "{{.State.OOMKilled}}"); err == nil && killed == "true" {
		words += ", killed for its memory limit"
	}
	return words
}

const endWithin = 5 * time.Second

func inspect(ctx context.Context, name, format string) (string, error) {
	output, err := exec.CommandContext(ctx, "docker", "inspect", "--type", "container", "--format", format, "--", name).CombinedOutput()
	words := string(bytes.Join(bytes.Fields(output), []byte(" ")))
	if err != nil {
		return "", fmt.Errorf("container %s: %w: %s", name, err, words)
	}
	return words, nil
}

// Image says how to run an image whose program takes fullbore's arguments. The
// container shares this machine's network, so that no proxy is in the way.
type Image struct {
	Name   string
	Args   []string // for the image's entry point
	Folder string   // of this machine, where the container sees it read-only as At
	At     string

	// CPUs confines the container, by its cgroup, to these processors.
	//
	// Optional. Default: every processor.
	CPUs []int
}

// containers counts those started here, for their names.
var containers atomic.Int64

// LaunchImage starts a container of the image and waits until it prints
// `listening http://ADDR` to stderr. Its Process is the container's first one. Stop
// ends and removes the container.
func LaunchImage(ctx context.Context, image Image) (*Server, error) {
	// Here and not by docker run, which would try to fetch it for a long time.
	if output, err := exec.CommandContext(ctx, "docker", "image", "inspect", "--format", "{{.Id}}", "--", image.Name).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("image %s: %w: %s", image.Name, err, bytes.Join(bytes.Fields(output), []byte(" ")))
	}
	name := fmt.Sprintf("fullbore-bench-%d-%d", os.Getpid(), containers.Add(1))
	args := []string{"run", "--rm", "--name", name, "--network", "host", "--volume", image.Folder + ":" + image.At + ":ro"}
	if len(image.CPUs) > 0 {
		args = append(args, "--cpuset-cpus", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(image.CPUs)), ","), "[]"))
	}
	// The child is Docker's client, which hands on the container's stderr.
	client, err := Command{Path: "docker", Args: append(append(args, image.Name), image.Args...)}.start()
	if err != nil {
		return nil, err
	}
	client.container = name
	if err := client.enter(ctx); err != nil {
		client.Stop()
		return nil, fmt.Errorf("image %s: %w", image.Name, err)
	}
	return client, nil
}

// enter waits until the server is ready, then attaches to the container's first
// process.
func (s *Server) enter(ctx context.Context) error {
	if err := s.awaitReady(ctx); err != nil {
		return err
	}
	pid, err := ContainerPID(ctx, s.container)
	if err == nil {
		s.Process, err = Attach(pid)
	}
	return err
}

// removeContainer ends a container in any state. With --rm it may already have
// removed itself.
func removeContainer(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*stopWithin)
	defer cancel()
	seconds := strconv.Itoa(int(stopWithin / time.Second))
	_ = exec.CommandContext(ctx, "docker", "stop", "--time", seconds, "--", name).Run()
	_ = exec.CommandContext(ctx, "docker", "rm", "--force", "--", name).Run()
}
