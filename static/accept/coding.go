// Package accept is content negotiation, RFC 9110 section 12: what of that
// which there is a client likes best. Its functions are pure.
package accept

import "strings"

// Coding is a content coding, RFC 9110 section 8.4.1.
type Coding uint8

// The codings, in the order of our preference: the last is the best for a
// client that does not care.
const (
	Identity   Coding = iota
	Gzip              // RFC 1952
	Brotli            // RFC 7932
	Zstd              // RFC 8878, with the window that RFC 9659 allows
	NumCodings        // how many there are
)

// Token is the coding's name in Content-Encoding; identity has none there.
func (c Coding) Token() string { return [NumCodings]string{"", "gzip", "br", "zstd"}[c] }

// Suffix is what the name of a file with this coding ends in.
func (c Coding) Suffix() string { return [NumCodings]string{"", ".gz", ".br", ".zst"}[c] }

// Codings is a set of codings. The zero value is empty.
type Codings uint8

// With is s and c.
func (s Codings) With(c Coding) Codings { return s | 1<<c }

// Without is s less c.
func (s Codings) Without(c Coding) Codings { return s &^ (1 << c) }

// Has reports whether c is in s.
func (s Codings) Has(c Coding) bool { return s&(1<<c) != 0 }

// Weights is how much a client likes each coding, in thousandths. It is 0 for
// one that it does not accept, and for identity as well if it does not speak of
// it: that is accepted, but anything else it accepts is better.
type Weights [NumCodings]uint16

// unlisted stands for the weight of what a client does not speak of.
const unlisted = 1<<16 - 1

// Encoding reads the value of Accept-Encoding (section 12.5.3), its lines joined
// by commas. No header is as good as an empty one: it allows any coding, but
// promises none. Members that do not parse are ignored. Of several weights for
// one coding the lowest counts. It keeps nothing of header and does not
// allocate.
func Encoding(header string) Weights {
	a := Weights{unlisted, unlisted, unlisted, unlisted}
	var others uint16 = unlisted // "*", which is what is not listed
	for more := header != ""; more; {
		var member string
		member, header, more = strings.Cut(header, ",")
		name, weight, ok := parseCoding(member)
		if !ok {
			continue
		}
		if name == "*" {
			others = min(others, weight)
		} else if c, ok := codingNamed(name); ok {
			a[c] = min(a[c], weight)
		}
	}
	if others == unlisted {
		others = 0
	}
	for c := range a {
		if a[c] == unlisted {
			a[c] = others
		}
	}
	return a
}

// Choose gives the coding that the client likes best of those that are
// available, or identity, which always is. It is identity as well if the client
// accepts nothing that there is: section 12.4.1 leaves the choice between that
// and a 406, which helps nobody.
func (a Weights) Choose(available Codings) Coding {
	best := Identity
	for c := Identity + 1; c < NumCodings; c++ {
		if available.Has(c) && a[c] > 0 && a[c] >= a[best] {
			best = c
		}
	}
	return best
}

// parseCoding reads codings [ weight ]. No weight is the weight 1.
func parseCoding(member string) (name string, weight uint16, ok bool) {
	name, parameter, weighted := strings.Cut(member, ";")
	name = strings.Trim(name, " \t")
	if !weighted {
		return name, 1000, true
	}
	weight, ok = parseWeight(strings.Trim(parameter, " \t"))
	return name, weight, ok
}

// parseWeight reads "q=" qvalue, RFC 9110 section 12.4.2, in thousandths.
func parseWeight(s string) (weight uint16, ok bool) {
	if len(s) < 3 || len(s) > len("q=0.000") || s[0]|0x20 != 'q' || s[1] != '=' {
		return 0, false
	}
	if s[2] != '0' && s[2] != '1' || len(s) > 3 && s[3] != '.' {
		return 0, false
	}
	weight = 1000 * uint16(s[2]-'0')
	place := uint16(100)
	for i := 4; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		weight += place * uint16(s[i]-'0')
		place /= 10
	}
	return weight, weight <= 1000
}

// codingNamed finds a coding by name, whose case does not matter; x-gzip is
// gzip, RFC 9110 section 8.4.1.3.
func codingNamed(name string) (Coding, bool) {
	switch {
	case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
		return Gzip, true
	case strings.EqualFold(name, "br"):
		return Brotli, true
	case strings.EqualFold(name, "zstd"):
		return Zstd, true
	case strings.EqualFold(name, "identity"):
		return Identity, true
	}
	return 0, false
}
