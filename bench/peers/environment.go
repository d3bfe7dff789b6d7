//go:build linux

package peers

// This file describes the machine. It exists because a figure without it is worth
// nothing the day after.

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Environment is where and when the figures were taken. What could not be found
// out is empty.
type Environment struct {
	Date       time.Time `json:"date"`
	Command    string    `json:"command"`
	CPU        string    `json:"cpu"`
	Cores      int       `json:"cores"`
	Memory     int64     `json:"memory_bytes"`
	Kernel     string    `json:"kernel"`
	FileSystem string    `json:"scratch_file_system"`
	ServerCPU  int       `json:"server_processor"`
	ClientCPU  int       `json:"client_processor"`
}

func (b *bench) environment() Environment {
	e := Environment{
		Date: time.Now().UTC().Truncate(time.Second), Command: commandLine(), Cores: runtime.NumCPU(),
		FileSystem: fileSystem(b.folder), ServerCPU: b.serverCPU, ClientCPU: b.clientCPU,
	}
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
	return e
}

// String is a sentence without its full stop.
func (e Environment) String() string {
	return fmt.Sprintf("%s, %s, %d cores, %s of memory, %s, files on %s; server on processor %d, client on %d",
		e.Date.Format("2006-01-02 15:04 MST"), e.CPU, e.Cores, humanize.IBytes(uint64(e.Memory)), e.Kernel, e.FileSystem, e.ServerCPU, e.ClientCPU)
}

// commandLine is what was typed, without the path of the program, which under go
// run is a temporary one.
func commandLine() string {
	if len(os.Args) < 2 {
		return "`go run ./bench`"
	}
	return "`go run ./bench " + strings.Join(os.Args[1:], " ") + "`"
}

// fileSystem names the ones that matter here: those with pages that cannot be
// dropped, and the usual ones.
func fileSystem(path string) string {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return "an unknown file system"
	}
	switch stat.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	}
	return fmt.Sprintf("file system %#x", stat.Type)
}
