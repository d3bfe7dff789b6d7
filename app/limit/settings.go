package limit

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Settings are the caps. Each is off where it is 0. All may change while they are in
// use, and apply at once.
type Settings struct {
	Connections       int  // open at once, in all
	ClientConnections int  // of one client
	Requests          Rate // of one client
	Downloads         int  // sent at once, in all
	ClientDownloads   int  // of one client
	Queue             Line // of downloads that wait
}

// Line is how many downloads may wait, and for how long.
type Line struct {
	N    int           // 0: none waits
	Wait time.Duration // 0: WaitDefault
}

// WaitDefault is shorter than the minute after which many programs and proxies give up.
const WaitDefault = 30 * time.Second

// mostWaiting bounds the time that it takes to find out whose turn it is.
const mostWaiting = 10_000

func (l Line) wait() time.Duration { return cmp.Or(l.Wait, WaitDefault) }

// errLine says how a Line is written.
var errLine = errors.New("want 0, or a number of downloads such as 100 or 100,wait=20s")

// ParseLine reads a Line as its String writes it.
func ParseLine(text string) (Line, error) {
	n, wait, waits := strings.Cut(text, ",")
	var l Line
	var err error
	if l.N, err = strconv.Atoi(n); err != nil || l.N < 0 {
		return Line{}, errLine
	}
	if l.N > mostWaiting {
		return Line{}, fmt.Errorf("want at most %d", mostWaiting)
	}
	if !waits {
		return l, nil
	}
	wait, named := strings.CutPrefix(strings.TrimSpace(wait), "wait=")
	if l.Wait, err = time.ParseDuration(wait); err != nil || !named || l.Wait < time.Second || l.N == 0 {
		return Line{}, errLine
	}
	return l, nil
}

// String is the line as people write it.
func (l Line) String() string {
	text := strconv.Itoa(l.N)
	if l.Wait > 0 {
		text += ",wait=" + l.Wait.String()
	}
	return text
}

// Rate is a number of requests in a time, with a burst.
type Rate struct {
	N     int           // 0: no limit
	Per   time.Duration // a second, a minute or an hour
	Burst int           // how many may come at once after a rest; 0: N
}

// The units of a Rate.
var units = [...]struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

// errRate says how a Rate is written.
var errRate = errors.New("want 0, or a rate such as 10/s, 100/m or 10/s,burst=50")

// mostRequests keeps the time between two requests far above the clock's resolution.
const mostRequests = 1_000_000

// ParseRate reads a Rate as its String writes it.
func ParseRate(text string) (Rate, error) {
	if text == "0" || text == "" {
		return Rate{}, nil
	}
	rate, burst, bursts := strings.Cut(text, ",")
	n, unit, _ := strings.Cut(rate, "/")
	var r Rate
	for _, u := range units {
		if u.name == unit {
			r.Per = u.per
		}
	}
	var err error
	if r.N, err = strconv.Atoi(n); err != nil || r.N < 1 || r.Per == 0 {
		return Rate{}, errRate
	}
	if r.N > mostRequests {
		return Rate{}, fmt.Errorf("want at most %d/%s", mostRequests, unit)
	}
	if !bursts {
		return r, nil
	}
	burst, named := strings.CutPrefix(strings.TrimSpace(burst), "burst=")
	if r.Burst, err = strconv.Atoi(burst); err != nil || !named || r.Burst < 1 {
		return Rate{}, errRate
	}
	if r.Burst > mostRequests { // of one an hour, they last 114 years, and 292 would be too many to count
		return Rate{}, fmt.Errorf("want a burst of at most %d", mostRequests)
	}
	return r, nil
}

// String is the rate as people write it.
func (r Rate) String() string {
	if r.N == 0 {
		return "0"
	}
	text := strconv.Itoa(r.N)
	for _, u := range units {
		if u.per == r.Per {
			text += "/" + u.name
		}
	}
	if r.Burst > 0 {
		text += ",burst=" + strconv.Itoa(r.Burst)
	}
	return text
}

// burst is how many may come at once.
func (r Rate) burst() int64 {
	if r.Burst > 0 {
		return int64(r.Burst)
	}
	return int64(r.N)
}
