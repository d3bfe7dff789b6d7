package accept

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Sets of codings that a file may be there in.
var (
	onlyGzip   = Codings(0).With(Gzip)
	gzipAndBr  = onlyGzip.With(Brotli)
	allCodings = gzipAndBr.With(Zstd)
)

func TestAcceptedCodings(t *testing.T) {
	for _, c := range []struct {
		about, header string
		available     Codings
		want          Coding
	}{
		// The examples of RFC 9110 section 12.5.3.
		{"example 1", "compress, gzip", allCodings, Gzip},
		{"example 2", "", allCodings, Identity},
		{"example 3", "*", allCodings, Zstd},
		{"example 4", "compress;q=0.5, gzip;q=1.0", allCodings, Gzip},
		{"example 5", "gzip;q=1.0, identity; q=0.5, *;q=0", allCodings, Gzip},

		// What clients send.
		{"Chrome", "gzip, deflate, br, zstd", allCodings, Zstd},
		{"Chrome, no zstd here", "gzip, deflate, br, zstd", gzipAndBr, Brotli},
		{"Chrome, nothing here", "gzip, deflate, br, zstd", 0, Identity},
		{"Safari", "gzip, deflate, br", allCodings, Brotli},
		{"Go", "gzip", allCodings, Gzip},
		{"curl without --compressed, media players", "identity", allCodings, Identity},
		{"Chrome for media", "identity;q=1, *;q=0", allCodings, Identity},
		{"apt, pip and others of old", "gzip, x-gzip", allCodings, Gzip},

		// Section 12.5.3, the rules by number.
		{"rule 2: identity unless excluded, but last", "gzip;q=0.001", onlyGzip, Gzip},
		{"rule 2: not listed", "br", onlyGzip, Identity},
		{"rule 2: identity not acceptable", "gzip, identity;q=0", onlyGzip, Gzip},
		{"rule 2: identity excluded by *", "gzip;q=0.1, *;q=0", onlyGzip, Gzip},
		{"rule 2: not excluded, since listed", "identity;q=0.2, *;q=0", allCodings, Identity},
		{"rule 3: q=0", "gzip;q=0", onlyGzip, Identity},
		{"rule 3: q=0.000", "gzip;q=0.000, br", gzipAndBr, Brotli},
		{"the highest weight, section 12.4.2", "gzip;q=0.8, br;q=0.9, zstd;q=0.1", allCodings, Brotli},
		{"in thousandths, section 12.4.2", "gzip;q=0.101, br;q=0.1", allCodings, Gzip},
		{"no weight is 1", "gzip, br;q=0.999", gzipAndBr, Gzip},
		{"digits by their place", "gzip;q=0.19, br;q=0.2", gzipAndBr, Brotli},
		{"digits by their place, last", "gzip;q=0.119, br;q=0.12", gzipAndBr, Brotli},
		{"identity liked better", "gzip;q=0.5, identity", onlyGzip, Identity},
		{"identity liked as well", "identity, gzip", onlyGzip, Gzip},
		{"identity liked as well, below 1", "identity;q=0.5, gzip;q=0.5", onlyGzip, Gzip},
		{"identity by *", "gzip;q=0.5, *;q=0.7", onlyGzip, Identity},
		{"* is for what is not listed", "zstd;q=0, br;q=0, *", allCodings, Gzip},
		{"* excludes all but", "*;q=0, br", allCodings, Brotli},
		{"nothing acceptable, section 12.4.1", "*;q=0", allCodings, Identity},
		{"nothing acceptable that is there", "br, *;q=0", onlyGzip, Identity},

		// Form: sections 5.6.1, 8.4.1, 12.4.2.
		{"case of token and q", "GZip;Q=1", onlyGzip, Gzip},
		{"x-gzip, section 8.4.1.3", "x-gzip", onlyGzip, Gzip},
		{"x-gzip excluded", "gzip, x-gzip;q=0", onlyGzip, Identity},
		{"white space", "\t gzip \t;\t q=0.5 ,, , ", onlyGzip, Gzip},
		{"the lowest of two weights", "gzip;q=0, gzip;q=1", onlyGzip, Identity},
		{"1.", "gzip;q=1.", onlyGzip, Gzip},
		{"1.000", "gzip;q=1.000", onlyGzip, Gzip},
		{"0.", "gzip;q=0.", onlyGzip, Identity},

		// Members that do not parse are ignored.
		{"too large", "gzip;q=1.001", onlyGzip, Identity},
		{"2", "gzip;q=2", onlyGzip, Identity},
		{"negative", "gzip;q=-1", onlyGzip, Identity},
		{"four digits", "gzip;q=0.1234", onlyGzip, Identity},
		{"no digit before the point", "gzip;q=.5", onlyGzip, Identity},
		{"empty weight", "gzip;q=", onlyGzip, Identity},
		{"no number", "gzip;q=a", onlyGzip, Identity},
		{"exponent", "gzip;q=1e3", onlyGzip, Identity},
		{"no point", "gzip;q=0x5", onlyGzip, Identity},
		{"comma for a point", "gzip;q=0,5", onlyGzip, Identity},
		{"space round the sign", "gzip;q = 1", onlyGzip, Identity},
		{"other parameter", "gzip;level=9", onlyGzip, Identity},
		{"two parameters", "gzip;q=1;level=9", onlyGzip, Identity},
		{"no comma", "gzip br", gzipAndBr, Identity},
		{"longer token", "gzipped", onlyGzip, Identity},
		{"broken beside whole", "gzip;q=x, br;q=0.1", gzipAndBr, Brotli},
		{"broken identity", "gzip;q=0, identity;q=x", onlyGzip, Identity},
		{"NUL", "gzip\x00", onlyGzip, Identity},
	} {
		if got := Encoding(c.header).Choose(c.available); got != c.want {
			t.Errorf("%s: %q with %04b gives %d, want %d", c.about, c.header, c.available, got, c.want)
		}
	}
}

func TestCodingNames(t *testing.T) {
	for c := Identity; c < NumCodings; c++ {
		if c == Identity {
			if c.Token() != "" || c.Suffix() != "" {
				t.Errorf("identity is %q, %q", c.Token(), c.Suffix())
			}
			continue
		}
		if got, ok := codingNamed(c.Token()); !ok || got != c || c.Suffix() == "" {
			t.Errorf("coding %d: token %q is %d, suffix %q", c, c.Token(), got, c.Suffix())
		}
	}
}

func TestAcceptedCodingsDoesNotAllocate(t *testing.T) {
	header := "gzip, deflate, br;q=0.9, zstd, *;q=0.1"
	if n := testing.AllocsPerRun(100, func() { Encoding(header).Choose(allCodings) }); n != 0 {
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
	said := map[Coding]string{Gzip: `(x-)?gzip`, Brotli: `br`, Zstd: `zstd`}
	zero, mention := map[Coding]*regexp.Regexp{}, map[Coding]*regexp.Regexp{}
	for c, name := range said {
		zero[c] = regexp.MustCompile(`(?i)(^|,)[ \t]*` + name + `[ \t]*;[ \t]*q=0(\.0{0,3})?[ \t]*(,|$)`)
		mention[c] = regexp.MustCompile(`(?i)(^|,)[ \t]*(` + name + `|\*)[ \t]*(;|,|$)`)
	}
	f.Fuzz(func(t *testing.T, header string, set uint8) {
		available := Codings(set)
		a := Encoding(header)
		got := a.Choose(available)
		if got == Identity {
			for c := Gzip; c < NumCodings; c++ {
				if available.Has(c) && a[c] > 0 && a[c] >= a[Identity] {
					t.Fatalf("%q: identity, though %s is there with %d", header, c.Token(), a[c])
				}
			}
		} else if !available.Has(got) || zero[got].MatchString(header) || !mention[got].MatchString(header) {
			t.Fatalf("%q with %04b gives %s", header, set, got.Token())
		}
		if again := Encoding(header); again != a || again.Choose(available) != got {
			t.Fatalf("%q: %v, then %v", header, a, again)
		}
		members := strings.Split(header, ",")
		slices.Reverse(members)
		if turned := Encoding(strings.Join(members, ",")); turned != a {
			t.Fatalf("%q: %v, turned round %v", header, a, turned)
		}
		for c := Gzip; c < NumCodings; c++ {
			if more := a.Choose(available.With(c)); a[more] < a[got] {
				t.Fatalf("%q: with %s as well the choice is the worse %s", header, c.Token(), more.Token())
			}
		}
	})
}

func BenchmarkAcceptedCodings(b *testing.B) {
	for _, header := range []string{"gzip", "gzip, deflate, br, zstd", "gzip;q=1.0, identity; q=0.5, *;q=0"} {
		b.Run(header, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Encoding(header).Choose(allCodings)
			}
		})
	}
}
