//go:build !linux

package source

import "syscall"

var systemOfTheFile, systemOfStorage []syscall.Errno
