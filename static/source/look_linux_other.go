//go:build linux && !amd64 && !arm64

package source

import "golang.org/x/sys/unix"

type cPath string

func cPathOf(name string) cPath { return cPath(name) }

func (p cPath) look(dir int, st *unix.Stat_t) error {
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(dir, string(p), st, 0) })
	return err
}
