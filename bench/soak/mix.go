//go:build linux

package soak

// This file is the scenario: which kinds of download, in which proportion. It
// exists so that every round is the same mixture in another order: what differs
// between two rests is then the server and not the work.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"fullbore/bench/load"
)

// Mix is a weight for each kind of download. It is a flag value: "whole=50,aborted=25".
type Mix map[load.Kind]float64

// MixDefault has each of the kinds, most of them downloads that move bytes.
var MixDefault = Mix{
	load.Whole: 10, load.Aborted: 5, load.Ranged: 5,
	load.Ranges: 2, load.Resumed: 2, load.Slow: 1, load.Head: 2, load.Missing: 2, load.Listing: 1,
}

// Set replaces the mix.
func (m *Mix) Set(text string) error {
	mix := Mix{}
	for part := range strings.SplitSeq(text, ",") {
		name, number, found := strings.Cut(strings.TrimSpace(part), "=")
		kind := load.Kind(name)
		if kind == "range" {
			kind = load.Ranged
		}
		weight, err := strconv.ParseFloat(number, 64)
		switch {
		case !slices.Contains(load.Kinds, kind):
			return fmt.Errorf("%q is none of %v", name, load.Kinds)
		case !found || err != nil || !(weight >= 0 && weight <= 1e9):
			return fmt.Errorf("%q is not KIND=WEIGHT", part)
		}
		mix[kind] = weight
	}
	*m = mix
	return nil
}

func (m *Mix) String() string {
	var parts []string
	for _, kind := range load.Kinds {
		if weight := (*m)[kind]; weight > 0 {
			parts = append(parts, fmt.Sprintf("%s=%g", kind, weight))
		}
	}
	return strings.Join(parts, ",")
}

// Type is the name of the value in help texts.
func (m *Mix) Type() string { return "mix" }

// share hands out n downloads by weight, by largest remainders: whole numbers
// that are as near to the weights as can be, and add up.
func (m Mix) share(n int) map[load.Kind]int {
	var sum float64
	for _, weight := range m {
		sum += weight
	}
	if sum == 0 {
		return map[load.Kind]int{}
	}
	counts, rest := map[load.Kind]int{}, map[load.Kind]float64{}
	left := n
	for _, kind := range load.Kinds {
		exact := float64(n) * m[kind] / sum
		counts[kind] = int(exact)
		rest[kind] = exact - float64(counts[kind])
		left -= counts[kind]
	}
	order := slices.SortedStableFunc(maps.Keys(rest), func(a, b load.Kind) int {
		if rest[a] != rest[b] {
			return map[bool]int{true: -1, false: 1}[rest[a] > rest[b]]
		}
		return slices.Index(load.Kinds, a) - slices.Index(load.Kinds, b)
	})
	for _, kind := range order[:min(left, len(order))] {
		counts[kind]++
	}
	return counts
}
