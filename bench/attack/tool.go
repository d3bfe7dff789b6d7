//go:build linux

package attack

// This file runs slowhttptest, which knows how slow clients are slow.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// modes are the attacks, and what makes each of them.
var modes = []struct {
	name string
	args []string
}{
	{"headers", []string{"-H", "-i", "1", "-x", "8"}},                                     // a field a second, without end
	{"body", []string{"-B", "-i", "1", "-s", "8192", "-x", "8"}},                          // a few bytes of 8,192 a second
	{"read", []string{"-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "3"}}, // 32 bytes a second, of three answers
	{"range", []string{"-R", "-t", "GET", "-a", "10", "-b", "3000"}},                      // hundreds of ranges that overlap
}

// priority of the attacker: it stands for machines elsewhere, which do not compete for
// this one's processors.
const priority = 19

func findTool() (string, error) {
	tool, err := exec.LookPath("slowhttptest")
	if err != nil {
		return "", errors.New("slowhttptest is not installed: apt-get install slowhttptest")
	}
	return tool, nil
}

// toolVersion is what slowhttptest calls itself.
func toolVersion(ctx context.Context, tool string) string {
	text, _ := exec.CommandContext(ctx, tool, "-h").CombinedOutput() // it ends with 1 after its help
	if version := regexp.MustCompile(`version\s*[-:]?\s*([0-9.]+)`).FindSubmatch(text); version != nil {
		return "slowhttptest " + string(version[1])
	}
	return "slowhttptest"
}

// attacker is slowhttptest at work.
type attacker struct {
	command *exec.Cmd
	said    bytes.Buffer
}

// launch starts an attack on the URL, which goes on until it is stopped.
func (b *bench) launch(mode, url string) (*attacker, error) {
	var args []string
	for _, m := range modes {
		if m.name == mode {
			args = append(args, m.args...)
		}
	}
	seconds := int((b.config.For + time.Minute) / time.Second)
	args = append(args, "-c", strconv.Itoa(b.config.Connections), "-r", strconv.Itoa(b.config.PerSecond),
		"-l", strconv.Itoa(seconds), "-p", "3", "-u", url)
	a := &attacker{command: exec.Command(b.tool, args...)}
	a.command.Stdout, a.command.Stderr = &a.said, &a.said
	a.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := a.command.Start(); err != nil {
		return nil, fmt.Errorf("start slowhttptest: %w", err)
	}
	return a, unix.Setpriority(unix.PRIO_PROCESS, a.command.Process.Pid, priority)
}

// stop ends the attack, by closing all its connections, and returns what was said.
func (a *attacker) stop() string {
	const patience = 5 * time.Second
	_ = a.command.Process.Signal(syscall.SIGINT) // fails only when it has ended
	kill := time.AfterFunc(patience, func() { _ = a.command.Process.Kill() })
	defer kill.Stop()
	_ = a.command.Wait() // its status says nothing here
	return colors.ReplaceAllString(a.said.String(), "")
}

var (
	colors    = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	connected = regexp.MustCompile(`connected:\s+(\d+)`)
)

// connectedMost is the largest number of open connections that was reported.
func connectedMost(said string) int {
	most := 0
	for _, match := range connected.FindAllStringSubmatch(said, -1) {
		n, _ := strconv.Atoi(match[1]) // digits
		most = max(most, n)
	}
	return most
}

// lastLine is for error messages.
func lastLine(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return cmp.Or(strings.TrimSpace(lines[len(lines)-1]), "it said nothing")
}
