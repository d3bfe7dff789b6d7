package source

import (
	"errors"
	"slices"
	"syscall"
)

// Trouble is what an error says about the storage that a file is on.
type Trouble int

// The troubles.
const (
	NoTrouble Trouble = iota // it has answered: the file is absent, say, or forbidden
	OfTheFile                // or of the storage: the error does not tell
	OfStorage                // no file can be had from it
)

// TroubleOf says what an error of Open, or of a File, means for other files of the same
// storage.
func TroubleOf(err error) Trouble {
	if err == nil {
		return NoTrouble
	}
	var errno syscall.Errno
	switch {
	case !errors.As(err, &errno):
		return NoTrouble
	case slices.Contains(ofTheFile, errno), slices.Contains(systemOfTheFile, errno):
		return OfTheFile
	case slices.Contains(ofStorage, errno), slices.Contains(systemOfStorage, errno):
		return OfStorage
	}
	return NoTrouble
}

// ofTheFile are a bad block, or all of a disk that is gone; and a file that its server has
// no more, or all of an export.
var ofTheFile = []syscall.Errno{syscall.EIO, syscall.ESTALE}

// ofStorage are what a disk that was removed says, the server of a network file system
// that does not answer, and a FUSE mount whose process has ended.
var ofStorage = []syscall.Errno{
	syscall.ENODEV, syscall.ENOTCONN, syscall.ETIMEDOUT,
	syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.ENETRESET,
	syscall.ECONNABORTED, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ESHUTDOWN, syscall.EPIPE,
	syscall.EPROTO,
}
