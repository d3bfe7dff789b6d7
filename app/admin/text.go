package admin

// assets/live.js formats values in the same way; a test compares them.

import (
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// unknown stands for what is not known.
const unknown = "–"

// sizeText is a number of bytes, as 1.5 GiB.
func sizeText(bytes int64) string {
	if bytes < 0 {
		return unknown
	}
	return humanize.IBytes(uint64(bytes))
}

// rateText is a number of bytes a second.
func rateText(rate float64) string { return sizeText(int64(max(rate, 0))) + "/s" }

// durationText is a number of seconds in two units, as 3m 05s.
func durationText(seconds float64) string {
	if seconds < 0 || math.IsNaN(seconds) || seconds > math.MaxInt32 {
		return unknown
	}
	s := int64(seconds)
	two := func(large int64, unit string, small int64, of string) string {
		text := strconv.FormatInt(small, 10) + of
		if small < 10 {
			text = "0" + text
		}
		return strconv.FormatInt(large, 10) + unit + " " + text
	}
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + "s"
	case s < 3600:
		return two(s/60, "m", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "m")
	default:
		return two(s/86400, "d", s%86400/3600, "h")
	}
}

// sinceText is how long ago something was.
func sinceText(t time.Time) string { return durationText(max(0, time.Since(t).Seconds())) }

// countText is a number and the word for what it counts.
func countText(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return humanize.Comma(int64(n)) + " " + word
}

// permille is a part of a whole, for a progress bar.
func permille(part, whole int64) int {
	if whole <= 0 {
		return 0
	}
	return int(1000 * float64(min(max(part, 0), whole)) / float64(whole))
}
