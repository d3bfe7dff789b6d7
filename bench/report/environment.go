//go:build linux

package report

// This file describes the machine. It exists because a figure without it is
// worth nothing the day after.

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Environment is where the figures were taken. What could not be found out is empty.
type Environment struct {
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`
	Memory    int64  `json:"memory_bytes"`
	Kernel    string `json:"kernel"`
	GoVersion string `json:"harness_go_version"`
	Revision  string `json:"harness_revision"`
}

// Here is this machine.
func Here() Environment {
	e := Environment{Cores: runtime.NumCPU(), GoVersion: runtime.Version()}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if infos, err := fs.CPUInfo(); err == nil && len(infos) > 0 {
			e.CPU = strings.Join(strings.Fields(infos[0].ModelName), " ")
		}
		if memory, err := fs.Meminfo(); err == nil && memory.MemTotalBytes != nil {
			e.Memory = int64(*memory.MemTotalBytes)
		}
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		e.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	e.Revision = Revision()
	return e
}

// String is a sentence without its full stop.
func (e Environment) String() string {
	return fmt.Sprintf("%s, %d cores, %s of memory, %s", e.CPU, e.Cores, humanize.IBytes(uint64(e.Memory)), e.Kernel)
}

// CommandLine is what was typed; the folder of the program, which under go run is
// a temporary one, is left out.
func CommandLine() string {
	words := []string{filepath.Base(os.Args[0])}
	if words[0] == "bench" {
		words[0] = "go run ./bench"
	}
	for _, word := range os.Args[1:] {
		if strings.ContainsAny(word, " \t\"'$&|;<>()*?[]#~`\\") || word == "" {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
