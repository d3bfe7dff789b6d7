package config

import (
	"errors"
	"math"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes that people write as 100MiB, 2GB or 1048576. It is
// a pflag.Value.
type Size int64

// Set reads a size.
func (s *Size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return errors.New("want a size such as 100MiB")
	}
	*s = Size(n)
	return nil
}

// String writes a size as Set reads it.
func (s *Size) String() string {
	if *s == 0 {
		return "0"
	}
	return humanize.IBytes(uint64(*s)) //nolint:gosec // never negative
}

// Type is the word for the value in the help text.
func (s *Size) Type() string { return "size" }
