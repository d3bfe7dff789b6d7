//go:build linux

package peers

// This file describes the machine. It exists because a figure without it is worth
// nothing the day after.

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"fullbore/bench/report"
)

// Environment is where and when the figures were taken. What could not be found
// out is empty.
type Environment struct {
	Date    time.Time `json:"date"`
	Command string    `json:"command"`
	report.Environment
	FileSystem string `json:"scratch_file_system"`
	ServerCPU  int    `json:"server_processor"`
	ClientCPU  int    `json:"client_processor"`
}

func (b *bench) environment() Environment {
	return Environment{
		Date: time.Now().UTC().Truncate(time.Second), Command: "`" + report.CommandLine() + "`", Environment: report.Here(),
		FileSystem: fileSystem(b.folder), ServerCPU: b.serverCPU, ClientCPU: b.clientCPU,
	}
}

// String is a sentence without its full stop.
func (e Environment) String() string {
	return fmt.Sprintf("%s, %s, files on %s; server on processor %d, client on %d",
		e.Date.Format("2006-01-02 15:04 MST"), e.Environment, e.FileSystem, e.ServerCPU, e.ClientCPU)
}

// fileSystem names the ones that matter here: those with pages that cannot be
// dropped, and the usual ones.
func fileSystem(path string) string {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return "an unknown file system"
	}
	switch uint32(stat.Type) { //nolint:gosec // a magic number, of 32 bits; see statfs(2)
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
