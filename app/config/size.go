package config

import (
	"errors"
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes that people write as 100MiB, 2GB or 1048576. It is
// a pflag.Value.
type Size int64

// Set reads a size.
func (s *Size) Set(text string) error {
	if n, err := strconv.ParseUint(text, 10, 63); err == nil { // which a float could not hold
		*s = Size(n) //nolint:gosec // 63 bits fit
		return nil
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return errors.New("want a size such as 100MiB")
	}
	*s = Size(n)
	return nil
}

// units that sizes are written in, those that say more first.
var units = []struct {
	bytes Size
	name  string
}{
	{1 << 60, "EiB"},
	{1 << 50, "PiB"},
	{1 << 40, "TiB"},
	{1e12, "TB"},
	{1 << 30, "GiB"},
	{1e9, "GB"},
	{1 << 20, "MiB"},
	{1e6, "MB"},
	{1 << 10, "KiB"},
	{1e3, "kB"},
}

// String writes a size as Set reads it, exactly.
func (s *Size) String() string {
	if *s == 0 {
		return "0"
	}
	for _, unit := range units {
		if *s%unit.bytes == 0 {
			return strconv.FormatInt(int64(*s/unit.bytes), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Type is the word for the value in the help text.
func (s *Size) Type() string { return "size" }
