//go:build linux

package soak

// This file makes the series that are judged out of the rests. It exists so that
// what is judged, what is only shown and what is not known stand in one place.

import (
	"fullbore/bench/process"
	"fullbore/bench/report"
	"fullbore/bench/stats"
)

const rssAnon = "RssAnon"

// figure is one series and where its values come from.
type figure struct {
	stats.Series
	of    func(process.Full) float64
	known func(process.Full) bool // nil: always
}

// figures are all that a target may have.
func figures(limits stats.Limits) []figure {
	shown := func(name string) stats.Series {
		s := limits.Memory(name)
		s.Informative = true
		return s
	}
	hasCgroup := func(f process.Full) bool { return f.Cgroup != nil }
	hasGo := func(f process.Full) bool { return f.Go != nil }
	return []figure{
		{limits.Memory(rssAnon), func(f process.Full) float64 { return float64(f.Anon) }, nil},
		{stats.CountOf("open descriptors", stats.AllowedDescriptors), func(f process.Full) float64 { return float64(f.Descriptors) }, nil},
		{stats.CountOf("threads", stats.AllowedThreads), func(f process.Full) float64 { return float64(f.Threads) }, nil},
		{
			stats.CountOf("processes", stats.AllowedProcesses), func(f process.Full) float64 { return float64(f.Processes) },
			func(f process.Full) bool { return f.Processes > 1 },
		},
		{stats.CountOf("goroutines", stats.AllowedGoroutines), func(f process.Full) float64 { return float64(f.Go.Goroutines) }, hasGo},
		{limits.Memory("Go heap"), func(f process.Full) float64 { return float64(f.Go.Heap) }, hasGo},
		{shown("RSS"), func(f process.Full) float64 { return float64(f.RSS) }, nil},
		{shown("RssFile"), func(f process.Full) float64 { return float64(f.File) }, nil},
		{shown("PSS"), func(f process.Full) float64 { return float64(f.PSS) }, func(f process.Full) bool { return f.PSS > 0 }},
		{limits.Memory("cgroup anon"), func(f process.Full) float64 { return float64(f.Cgroup.Anon) }, hasCgroup},
		{
			limits.Memory("cgroup kernel"), func(f process.Full) float64 { return float64(f.Cgroup.Kernel) },
			func(f process.Full) bool { return hasCgroup(f) && f.Cgroup.Kernel > 0 },
		},
		{shown("cgroup file"), func(f process.Full) float64 { return float64(f.Cgroup.File) }, hasCgroup},
	}
}

// seriesOf fills the series that at least one rest knows.
func seriesOf(rests []report.Rest, limits stats.Limits) []stats.Series {
	var filled []stats.Series
	for _, figure := range figures(limits) {
		for _, rest := range rests {
			after := len(figure.GB) == 0 || rest.GB > figure.GB[len(figure.GB)-1]
			if after && (figure.known == nil || figure.known(rest.Full)) {
				figure.GB, figure.Values = append(figure.GB, rest.GB), append(figure.Values, figure.of(rest.Full))
			}
		}
		if len(figure.Values) > 0 && len(figure.Values) >= len(rests)/2 {
			filled = append(filled, figure.Series)
		}
	}
	return filled
}
