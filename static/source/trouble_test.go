package source

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestTroubleOf(t *testing.T) {
	_, absent := os.Open(filepath.Join(t.TempDir(), "absent"))
	for _, test := range []struct {
		err  error
		want Trouble
	}{
		{nil, NoTrouble},
		{absent, NoTrouble},
		{errEscapes, NoTrouble},
		{fs.ErrPermission, NoTrouble},
		{syscall.EACCES, NoTrouble},
		{syscall.EMFILE, NoTrouble}, // ours
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EIO}, OfTheFile},
		{fmt.Errorf("x: %w", syscall.ESTALE), OfTheFile},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOTCONN}, OfStorage},
		{syscall.ETIMEDOUT, OfStorage},
	} {
		if got := TroubleOf(test.err); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
}
