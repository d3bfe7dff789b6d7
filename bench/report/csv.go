//go:build linux

package report

// This file writes tables that a spreadsheet opens.

import (
	"bytes"
	"encoding/csv"
	"strconv"

	"fullbore/bench/process"
)

func (s *Soak) restsCSV() []byte {
	return table([]string{
		"round", "at_seconds", "gb_served", "seconds_under_load", "bytes_sent", "requests",
		"rss", "rss_anon", "rss_file", "pss", "descriptors", "threads", "processes", "cpu_seconds",
		"cgroup_current", "cgroup_anon", "cgroup_file", "cgroup_kernel", "cgroup_limit",
		"go_heap", "goroutines", "gc_count", "gc_pause_seconds",
	}, len(s.Rest), func(i int) []string {
		rest := s.Rest[i]
		cgroup, metrics := make([]string, 5), make([]string, 4) // empty: not known
		if c := rest.Cgroup; c != nil {
			cgroup = []string{whole(c.Current), whole(c.Anon), whole(c.File), whole(c.Kernel), whole(c.Limit)}
		}
		if m := rest.Go; m != nil {
			metrics = []string{whole(m.Heap), whole(m.Goroutines), whole(m.GCs), decimal(m.GCPause.Seconds())}
		}
		row := []string{
			whole(rest.Round), decimal(rest.At), decimal(rest.GB), decimal(rest.Loaded), whole(rest.Sent), whole(rest.Requests),
			whole(rest.RSS), whole(rest.Anon), whole(rest.File), whole(rest.PSS), whole(rest.Descriptors), whole(rest.Threads),
			whole(rest.Processes), decimal(rest.CPU.Seconds()),
		}
		return append(append(row, cgroup...), metrics...)
	})
}

func (s *Soak) samplesCSV() []byte {
	return table([]string{"at_seconds", "round", "rss", "rss_anon", "rss_file", "descriptors", "threads", "cpu_seconds"},
		len(s.Samples), func(i int) []string { return sampleRow(s.Samples[i].At, s.Samples[i].Round, s.Samples[i].Sample) })
}

func sampleRow(at float64, round int, s process.Sample) []string {
	return []string{
		decimal(at), whole(round), whole(s.RSS), whole(s.Anon), whole(s.File),
		whole(s.Descriptors), whole(s.Threads), decimal(s.CPU.Seconds()),
	}
}

func table(header []string, rows int, row func(int) []string) []byte {
	var text bytes.Buffer
	writer := csv.NewWriter(&text)
	_ = writer.Write(header) // a buffer takes everything
	for i := range rows {
		_ = writer.Write(row(i))
	}
	writer.Flush()
	return text.Bytes()
}

func whole[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func decimal(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }
