package static

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Sets of codings that a file may be there in.
var (
	onlyGzip   = codingSet(0).with(codingGzip)
	gzipAndBr  = onlyGzip.with(codingBrotli)
	allCodings = gzipAndBr.with(codingZstd)
)

func TestAcceptedCodings(t *testing.T) {
	for _, c := range []struct {
		about, header string
		available     codingSet
		want          coding
	}{
		// The examples of RFC 9110 section 12.5.3.
		{"example 1", "compress, gzip", allCodings, codingGzip},
		{"example 2", "", allCodings, codingIdentity},
		{"example 3", "*", allCodings, codingZstd},
		{"example 4", "compress;q=0.5, gzip;q=1.0", allCodings, codingGzip},
		{"example 5", "gzip;q=1.0, identity; q=0.5, *;q=0", allCodings, codingGzip},

		// What clients send.
		{"Chrome", "gzip, deflate, br, zstd", allCodings, codingZstd},
		{"Chrome, no zstd here", "gzip, deflate, br, zstd", gzipAndBr, codingBrotli},
		{"Chrome, nothing here", "gzip, deflate, br, zstd", 0, codingIdentity},
		{"Safari", "gzip, deflate, br", allCodings, codingBrotli},
		{"Go", "gzip", allCodings, codingGzip},
		{"curl without --compressed, media players", "identity", allCodings, codingIdentity},
		{"Chrome for media", "identity;q=1, *;q=0", allCodings, codingIdentity},
		{"apt, pip and others of old", "gzip, x-gzip", allCodings, codingGzip},

		// Section 12.5.3, the rules by number.
		{"rule 2: identity unless excluded, but last", "gzip;q=0.001", onlyGzip, codingGzip},
		{"rule 2: not listed", "br", onlyGzip, codingIdentity},
		{"rule 2: identity not acceptable", "gzip, identity;q=0", onlyGzip, codingGzip},
		{"rule 2: identity excluded by *", "gzip;q=0.1, *;q=0", onlyGzip, codingGzip},
		{"rule 2: not excluded, since listed", "identity;q=0.2, *;q=0", allCodings, codingIdentity},
		{"rule 3: q=0", "gzip;q=0", onlyGzip, codingIdentity},
		{"rule 3: q=0.000", "gzip;q=0.000, br", gzipAndBr, codingBrotli},
		{"the highest weight, section 12.4.2", "gzip;q=0.8, br;q=0.9, zstd;q=0.1", allCodings, codingBrotli},
		{"in thousandths, section 12.4.2", "gzip;q=0.101, br;q=0.1", allCodings, codingGzip},
		{"no weight is 1", "gzip, br;q=0.999", gzipAndBr, codingGzip},
		{"digits by their place", "gzip;q=0.19, br;q=0.2", gzipAndBr, codingBrotli},
		{"digits by their place, last", "gzip;q=0.119, br;q=0.12", gzipAndBr, codingBrotli},
		{"identity liked better", "gzip;q=0.5, identity", onlyGzip, codingIdentity},
		{"identity liked as well", "identity, gzip", onlyGzip, codingGzip},
		{"identity liked as well, below 1", "identity;q=0.5, gzip;q=0.5", onlyGzip, codingGzip},
		{"identity by *", "gzip;q=0.5, *;q=0.7", onlyGzip, codingIdentity},
		{"* is for what is not listed", "zstd;q=0, br;q=0, *", allCodings, codingGzip},
		{"* excludes all but", "*;q=0, br", allCodings, codingBrotli},
		{"nothing acceptable, section 12.4.1", "*;q=0", allCodings, codingIdentity},
		{"nothing acceptable that is there", "br, *;q=0", onlyGzip, codingIdentity},

		// Form: sections 5.6.1, 8.4.1, 12.4.2.
		{"case of token and q", "GZip;Q=1", onlyGzip, codingGzip},
		{"x-gzip, section 8.4.1.3", "x-gzip", onlyGzip, codingGzip},
		{"x-gzip excluded", "gzip, x-gzip;q=0", onlyGzip, codingIdentity},
		{"white space", "\t gzip \t;\t q=0.5 ,, , ", onlyGzip, codingGzip},
		{"the lowest of two weights", "gzip;q=0, gzip;q=1", onlyGzip, codingIdentity},
		{"1.", "gzip;q=1.", onlyGzip, codingGzip},
		{"1.000", "gzip;q=1.000", onlyGzip, codingGzip},
		{"0.", "gzip;q=0.", onlyGzip, codingIdentity},

		// Members that do not parse are ignored.
		{"too large", "gzip;q=1.001", onlyGzip, codingIdentity},
		{"2", "gzip;q=2", onlyGzip, codingIdentity},
		{"negative", "gzip;q=-1", onlyGzip, codingIdentity},
		{"four digits", "gzip;q=0.1234", onlyGzip, codingIdentity},
		{"no digit before the point", "gzip;q=.5", onlyGzip, codingIdentity},
		{"empty weight", "gzip;q=", onlyGzip, codingIdentity},
		{"no number", "gzip;q=a", onlyGzip, codingIdentity},
		{"exponent", "gzip;q=1e3", onlyGzip, codingIdentity},
		{"no point", "gzip;q=0x5", onlyGzip, codingIdentity},
		{"comma for a point", "gzip;q=0,5", onlyGzip, codingIdentity},
		{"space round the sign", "gzip;q = 1", onlyGzip, codingIdentity},
		{"other parameter", "gzip;level=9", onlyGzip, codingIdentity},
		{"two parameters", "gzip;q=1;level=9", onlyGzip, codingIdentity},
		{"no comma", "gzip br", gzipAndBr, codingIdentity},
		{"longer token", "gzipped", onlyGzip, codingIdentity},
		{"broken beside whole", "gzip;q=x, br;q=0.1", gzipAndBr, codingBrotli},
		{"broken identity", "gzip;q=0, identity;q=x", onlyGzip, codingIdentity},
		{"NUL", "gzip\x00", onlyGzip, codingIdentity},
	} {
		if got := acceptedCodings(c.header).choose(c.available); got != c.want {
			t.Errorf("%s: %q with %04b gives %d, want %d", c.about, c.header, c.available, got, c.want)
		}
	}
}

func TestCodingNames(t *testing.T) {
	for c := codingIdentity; c < numCodings; c++ {
		if c == codingIdentity {
			if c.token() != "" || c.suffix() != "" {
				t.Errorf("identity is %q, %q", c.token(), c.suffix())
			}
			continue
		}
		if got, ok := codingNamed(c.token()); !ok || got != c || c.suffix() == "" {
			t.Errorf("coding %d: token %q is %d, suffix %q", c, c.token(), got, c.suffix())
		}
	}
}

func TestAcceptedCodingsDoesNotAllocate(t *testing.T) {
	header := "gzip, deflate, br;q=0.9, zstd, *;q=0.1"
	if n := testing.AllocsPerRun(100, func() { acceptedCodings(header).choose(allCodings) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAcceptEncoding(f *testing.F) {
	for _, header := range []string{
		"", "*", "gzip, deflate, br, zstd", "gzip;q=1.0, identity; q=0.5, *;q=0", "x-gzip;q=0,gzip",
		"*;q=0", "br;q=0.000, BR", ",,;q=1", "zstd ; Q=0.5\t", "identity;q=0",
	} {
		f.Add(header, uint8(allCodings))
	}
	// Told independently of the parser: members that say a word about a coding.
	said := map[coding]string{codingGzip: `(x-)?gzip`, codingBrotli: `br`, codingZstd: `zstd`}
	zero, mention := map[coding]*regexp.Regexp{}, map[coding]*regexp.Regexp{}
	for c, name := range said {
		zero[c] = regexp.MustCompile(`(?i)(^|,)[ \t]*` + name + `[ \t]*;[ \t]*q=0(\.0{0,3})?[ \t]*(,|$)`)
		mention[c] = regexp.MustCompile(`(?i)(^|,)[ \t]*(` + name + `|\*)[ \t]*(;|,|$)`)
	}
	f.Fuzz(func(t *testing.T, header string, set uint8) {
		available := codingSet(set)
		a := acceptedCodings(header)
		got := a.choose(available)
		if got == codingIdentity {
			for c := codingGzip; c < numCodings; c++ {
				if available.has(c) && a[c] > 0 && a[c] >= a[codingIdentity] {
					t.Fatalf("%q: identity, though %s is there with %d", header, c.token(), a[c])
				}
			}
		} else if !available.has(got) || zero[got].MatchString(header) || !mention[got].MatchString(header) {
			t.Fatalf("%q with %04b gives %s", header, set, got.token())
		}
		if again := acceptedCodings(header); again != a || again.choose(available) != got {
			t.Fatalf("%q: %v, then %v", header, a, again)
		}
		members := strings.Split(header, ",")
		slices.Reverse(members)
		if turned := acceptedCodings(strings.Join(members, ",")); turned != a {
			t.Fatalf("%q: %v, turned round %v", header, a, turned)
		}
		for c := codingGzip; c < numCodings; c++ {
			if more := a.choose(available.with(c)); a[more] < a[got] {
				t.Fatalf("%q: with %s as well the choice is the worse %s", header, c.token(), more.token())
			}
		}
	})
}

func BenchmarkAcceptedCodings(b *testing.B) {
	for _, header := range []string{"gzip", "gzip, deflate, br, zstd", "gzip;q=1.0, identity; q=0.5, *;q=0"} {
		b.Run(header, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				acceptedCodings(header).choose(allCodings)
			}
		})
	}
}
