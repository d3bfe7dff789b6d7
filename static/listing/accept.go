package listing

// This file is the choice of a format: what the client accepts, by RFC 9110
// section 12.5.1, or what it names in the query.

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// format is one way to write a page. Those before formatURLs can be negotiated;
// the order is the server's preference.
type format int

const (
	formatText format = iota
	formatHTML
	formatJSON
	formatURLs
)

// negotiable is what Accept can choose.
var negotiable = []format{formatText, formatHTML, formatJSON}

// formatNames are the values of the query parameter.
var formatNames = map[string]format{"text": formatText, "html": formatHTML, "json": formatJSON, "urls": formatURLs}

func (f format) contentType() string {
	switch f {
	case formatHTML:
		return fiber.MIMETextHTMLCharsetUTF8
	case formatJSON:
		return fiber.MIMEApplicationJSON
	default:
		return fiber.MIMETextPlainCharsetUTF8
	}
}

// covered says how closely a media range covers the format: 0 not at all, 1 as
// anything, 2 by its type, 3 exactly.
func (f format) covered(mediaType, subtype string) int {
	switch {
	case mediaType == "*" && subtype == "*":
		return 1
	case f == formatJSON:
		// RFC 9457: who asks for problems understands JSON.
		if mediaType != "application" {
			return 0
		}
		if subtype == "json" || subtype == "problem+json" {
			return 3
		}
	case mediaType != "text":
		return 0
	case f == formatHTML && subtype == "html", f == formatText && subtype == "plain":
		return 3
	}
	if subtype == "*" {
		return 2
	}
	return 0
}

// formatOf is the format for a request.
func formatOf(c *fiber.Ctx) format {
	if f, ok := formatNames[string(c.Context().QueryArgs().Peek("format"))]; ok {
		return f
	}
	var accept strings.Builder
	for i, value := range c.Request().Header.PeekAll(fiber.HeaderAccept) {
		if i > 0 {
			accept.WriteByte(',')
		}
		accept.Write(value)
	}
	return negotiate(accept.String())
}

// verdict is what an Accept header says about one format.
type verdict struct {
	closeness int // of the range that counts, as covered says
	quality   int // in thousandths
	position  int // in the header
}

// betterThan orders the formats: the quality first. RFC 9110 leaves ties to the
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

// negotiate chooses the format for an Accept header. Elements that are not
// well formed are skipped. Without any that covers a format it is text, rather
// than a 406 that helps nobody.
func negotiate(accept string) format {
	var verdicts [formatURLs]verdict
	for position := 0; accept != ""; position++ {
		var element string
		element, accept = cut(accept, ',')
		mediaType, subtype, quality, ok := mediaRange(element)
		if !ok {
			continue
		}
		for _, f := range negotiable {
			closeness := f.covered(mediaType, subtype)
			v := &verdicts[f]
			// The closest range counts; of equally close ones the better.
			if closeness > v.closeness || (closeness > 0 && closeness == v.closeness && quality > v.quality) {
				*v = verdict{closeness, quality, position}
			}
		}
	}
	best := formatText
	for _, f := range negotiable {
		if verdicts[f].quality > 0 && verdicts[f].betterThan(verdicts[best]) {
			best = f
		}
	}
	return best
}

// mediaRange takes an element of Accept apart. It is not ok when the element is
// not well formed, or asks for a variant, such as text/html;level=1, that we do
// not have. The charset is left to itself: ours is always UTF-8.
func mediaRange(element string) (mediaType, subtype string, quality int, ok bool) {
	essence, params := cut(element, ';')
	mediaType, subtype, ok = strings.Cut(strings.ToLower(trim(essence)), "/")
	if !ok || mediaType == "" || subtype == "" {
		return "", "", 0, false
	}
	quality = 1000
	for params != "" {
		var param string
		param, params = cut(params, ';')
		name, value, _ := strings.Cut(trim(param), "=")
		switch strings.ToLower(name) {
		case "", "charset":
		case "q":
			// What follows q is an extension, which RFC 9110 has abolished.
			quality, ok = qualityOf(value)
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

// qualityOf reads a weight (RFC 9110 section 12.4.2) in thousandths.
func qualityOf(s string) (int, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if (whole != "0" && whole != "1") || len(fraction) > 3 {
		return 0, false
	}
	quality := int(whole[0] - '0')
	for i := range 3 {
		quality *= 10
		if i < len(fraction) {
			if !isDigit(fraction[i]) {
				return 0, false
			}
			quality += int(fraction[i] - '0')
		}
	}
	return quality, quality <= 1000
}
