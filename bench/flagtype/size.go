// Package flagtype is the flag values that the commands share.
package flagtype

// This file is the size flag. It exists because a soak of --size 2GiB reads
// better than one of --size 2147483648.

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
)

// Size is a flag in bytes that reads and prints "2.0 GiB".
type Size int64

// Set parses "2GiB", "500 MB" or a plain number of bytes.
func (s *Size) Set(text string) error {
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes > math.MaxInt64 {
		return fmt.Errorf("%q is not a size like 2GiB", text)
	}
	*s = Size(bytes)
	return nil
}

func (s *Size) String() string { return humanize.IBytes(uint64(*s)) }

// Type is the name of the value in help texts.
func (s *Size) Type() string { return "size" }
