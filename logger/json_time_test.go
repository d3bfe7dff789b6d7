package logger

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestTimesAreWrittenAsTheStandardLibraryWritesThem(t *testing.T) {
	var s seconds
	for range 100_000 {
		at := time.Unix(rand.Int64N(1<<38)-1<<36, rand.Int64N(1e9))
		for _, at := range []time.Time{at, at.Truncate(time.Second), at.Add(time.Second)} {
			if got, want := string(s.appendTime(nil, at)), at.UTC().Format("2006-01-02T15:04:05.000Z07:00"); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
		d := time.Duration(rand.Int64N(1 << (1 + rand.IntN(50))))
		want := strconv.FormatFloat(float64(d.Round(time.Microsecond))/float64(time.Millisecond), 'f', -1, 64)
		if got := string(appendMilliseconds(nil, d)); got != want {
			t.Fatalf("%v: %s, want %s", d, got, want)
		}
	}
	if got := string(appendMilliseconds(nil, -1500*time.Microsecond)); got != "-1.5" {
		t.Error(got)
	}
}
