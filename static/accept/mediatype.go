package accept

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"
)

// List is the value of a header field that is a list: its lines joined, if there
// are several (RFC 9110 section 5.3). PeekAll takes much stack, which a slow
// download would hold for as long as it takes; few requests need it.
func List(h *fasthttp.RequestHeader, name string) string {
	if len(h.Peek(name)) == 0 {
		return ""
	}
	return string(bytes.Join(h.PeekAll(name), []byte(",")))
}

// MediaType chooses from offers, media types in lower case in the order of our
// preference, by the value of Accept (section 12.5.1), its lines joined by
// commas. It gives an index: 0 if none is acceptable, rather than a 406, which
// helps nobody. Elements that are not well formed are skipped.
func MediaType(accept string, offers ...string) int {
	best, _ := Best(accept, offers...)
	return best
}

// Fit is how an Accept header comes to an offer.
type Fit int

// The fits.
const (
	Unlisted Fit = iota // by no range
	Refused             // by a weight of 0; then no offer is acceptable
	Ranged              // by a range such as */*
	Named               // by its name
)

// Best is MediaType, and how the header comes to that offer.
func Best(accept string, offers ...string) (best int, fit Fit) {
	verdicts := make([]verdict, len(offers))
	for position := 0; accept != ""; position++ {
		var element string
		element, accept = cut(accept, ',')
		mediaType, subtype, quality, ok := mediaRange(element)
		if !ok {
			continue
		}
		for i, offer := range offers {
			closeness := covers(mediaType, subtype, offer)
			v := &verdicts[i]
			// The closest range counts; of equally close ones the better.
			if closeness > v.closeness || (closeness > 0 && closeness == v.closeness && quality > v.quality) {
				*v = verdict{closeness, quality, position}
			}
		}
	}
	for i, v := range verdicts {
		if v.quality > 0 && v.betterThan(verdicts[best]) {
			best = i
		}
	}
	return best, verdicts[best].fit()
}

func (v verdict) fit() Fit {
	switch {
	case v.closeness == 0:
		return Unlisted
	case v.quality == 0:
		return Refused
	case v.closeness == 3:
		return Named
	}
	return Ranged
}

// covers says how closely a media range covers an offer: 0 not at all, 1 as
// anything, 2 by its type, 3 exactly.
func covers(mediaType, subtype, offer string) int {
	offeredType, offeredSubtype, _ := strings.Cut(offer, "/")
	switch {
	case mediaType == "*" && subtype == "*":
		return 1
	case mediaType != offeredType:
		return 0
	case subtype == "*":
		return 2
	case subtype == offeredSubtype:
		return 3
	}
	return 0
}

// verdict is what an Accept header says about one offer.
type verdict struct {
	closeness int    // of the range that counts
	quality   uint16 // in thousandths
	position  int    // in the header
}

// betterThan orders offers: the quality first. RFC 9110 leaves ties to the
// server: "text/html, */*" means HTML, and the first one named means most.
func (v verdict) betterThan(w verdict) bool {
	if v.quality != w.quality {
		return v.quality > w.quality
	}
	if v.closeness != w.closeness {
		return v.closeness > w.closeness
	}
	return v.position < w.position
}

// mediaRange takes an element of Accept apart. It is not ok when the element is
// not well formed, or asks for a variant, such as text/html;level=1, that we do
// not have. The charset is left to itself: ours is always UTF-8.
func mediaRange(element string) (mediaType, subtype string, quality uint16, ok bool) {
	essence, params := cut(element, ';')
	mediaType, subtype, ok = strings.Cut(strings.ToLower(trim(essence)), "/")
	if !ok || mediaType == "" || subtype == "" {
		return "", "", 0, false
	}
	quality = 1000
	for params != "" {
		var param string
		param, params = cut(params, ';')
		param = trim(param)
		name, _, _ := strings.Cut(param, "=")
		switch strings.ToLower(name) {
		case "", "charset":
		case "q":
			// What follows q is an extension, which RFC 9110 has abolished.
			quality, ok = parseWeight(param)
			return mediaType, subtype, quality, ok
		default:
			return "", "", 0, false
		}
	}
	return mediaType, subtype, quality, true
}

// cut is strings.Cut for a separator outside of quoted strings (RFC 9110
// section 5.6.4).
func cut(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func trim(s string) string { return strings.Trim(s, " \t") }
