package listing

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNaturalOrder(t *testing.T) {
	want := []string{
		"", " lead", "!", "-", "00", "01", "1", "1a", "2", "10", "10a9", "10a10", "123456789012345678901234567890", "_",
		"A", "a", "a b", "a-1", "A01", "a1", "a1b", "a2", "a10", "ab", "B", "b", "e\u0301", "file2", "File10", "file10.txt",
		"z", "\u00c9", "\u00e9", "\xfe", "\xff",
	}
	// Those that differ in case or in leading zeros alone are ordered by their bytes.
	got := slices.Clone(want)
	for range 20 {
		rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		slices.SortFunc(got, func(a, b string) int { return compareNames([]byte(a), []byte(b)) })
		if !slices.Equal(got, want) {
			t.Fatalf("sorted are\n%q, want\n%q", got, want)
		}
	}
}

// The order is total: only a name itself is equal to it, turning two round
// turns the answer round, and what is before the middle one is before the last.
func FuzzOrder(f *testing.F) {
	for _, seed := range [][3]string{{"a1", "a01", "A1"}, {"é", "\xff", "E"}, {"1", "a", "01b"}, {"\u212a", "k", "K"}, {"x9", "x10", "x\u0660"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		order := func(a, b string) int { return compareNames([]byte(a), []byte(b)) }
		if (order(a, b) == 0) != (a == b) {
			t.Errorf("%q and %q: %d", a, b, order(a, b))
		}
		if order(a, b) != -order(b, a) {
			t.Errorf("%q and %q: %d and %d", a, b, order(a, b), order(b, a))
		}
		if order(a, b) < 0 && order(b, c) < 0 && order(a, c) >= 0 {
			t.Errorf("%q < %q < %q, but not the first < the last", a, b, c)
		}
	})
}

func TestFilter(t *testing.T) {
	for _, test := range []struct {
		filter, name string
		want         bool
	}{
		{"", "anything", true},
		{"ISO", "debian.iso", true},
		{"iso", "DEBIAN.ISO", true},
		{"iso", "debian.is", false},
		{"iso", "is", false},
		{"aab", "aaab", true},
		{"é", "caf\u00e9", true},
		{"É", "cafe\u0301", true}, // decomposed, as macOS writes it
		{"cafe\u0301", "CAF\u00c9", true},
		{"é", "cafe", false},
		{"\u212a", "kelvin", true}, // the Kelvin sign is a K
		{"x", "é x", true},
		{"\uFFFD", "bad\xff", true},
		{".*", "abc", false},
		{"ß", "STRASSE", false},
	} {
		if got := newFilter(test.filter).matches(test.name); got != test.want {
			t.Errorf("filter %q, name %q: %t", test.filter, test.name, got)
		}
	}
}
