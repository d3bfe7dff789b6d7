package static

// What an operator knows better about files than their names and content tell: media
// types, charsets and header fields by pattern.

import (
	"errors"
	"fmt"
	"mime"
	"net/textproto"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"
)

// Rule says something of the files that a pattern matches.
type Rule struct {
	// Pattern is one of path.Match, for names below the root. Without a slash it is for
	// the last part of a name, in any folder.
	Pattern string

	// Name is that of a header field; for types and charsets it is empty.
	Name string

	// Value is the media type, the charset or the value of the field.
	Value string
}

// noCharset, for a charset, leaves text without a label.
const noCharset = "none"

// forbidden are the fields that frame a message, or that this package derives from the
// file: another value would break downloads.
var forbidden = []string{
	"Accept-Ranges", "Connection", "Content-Encoding", "Content-Length", "Content-Range", "Date", "Etag",
	"Keep-Alive", "Last-Modified", "Trailer", "Transfer-Encoding", "Upgrade", "Vary",
}

// CheckPattern is the error of what is no pattern, or one that could never match.
func CheckPattern(pattern string) error {
	_, err := path.Match(pattern, "")
	switch below := strings.TrimPrefix(pattern, "/"); {
	case below == "":
		return fmt.Errorf("%q: want a pattern such as *.txt or docs/*", pattern)
	case err != nil:
		return fmt.Errorf("%q: not a pattern: want a ] for each [, and something behind each \\", pattern)
	case strings.Contains(pattern, "**"):
		return fmt.Errorf("%q: has a **; want a pattern without a slash, which is for any folder, or one * for each", pattern)
	case path.Clean(below) != below, below == ".", strings.HasPrefix(below, "../"), below == "..":
		return fmt.Errorf("%q: matches no file; want a pattern such as *.txt or docs/*", pattern)
	}
	return nil
}

// CheckType is the error of what is no media type.
func CheckType(value string) error {
	essence, _, err := mime.ParseMediaType(value)
	if err != nil || !strings.Contains(essence, "/") || strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("%q: want a media type such as application/gzip", value)
	}
	return nil
}

// CheckCharset is the error of what cannot be the name of a charset.
func CheckCharset(value string) error {
	if !isToken(value) {
		return fmt.Errorf(`%q: want a charset such as iso-8859-1, or "none"`, value)
	}
	return nil
}

// CheckHeader is the error of a field that cannot be set by a rule.
func CheckHeader(name, value string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !isToken(name):
		return fmt.Errorf("%q: want the name of a header field, such as Cache-Control", name)
	case canonical == fiber.HeaderContentType:
		return fmt.Errorf("%s: want it by types and charset", name)
	case slices.Contains(forbidden, canonical):
		return fmt.Errorf("%s: cannot be set, the server derives it from the file or the connection", name)
	case strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("%s: %q: has a control character in it; want one line", name, value)
	}
	return nil
}

// isToken reports whether s is one by RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// checkRules is the first error of the rules.
func (c *Config) checkRules() error {
	for field, rules := range map[string][]Rule{"Types": c.Types, "Charsets": c.Charsets, "Headers": c.Headers} {
		for _, rule := range rules {
			err := CheckPattern(rule.Pattern)
			switch {
			case err != nil:
			case field == "Types":
				err = CheckType(rule.Value)
			case field == "Charsets":
				err = CheckCharset(rule.Value)
			default:
				err = CheckHeader(rule.Name, rule.Value)
			}
			if err == nil && rule.Name != "" && field != "Headers" {
				err = errors.New("want no Name")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
		}
	}
	return nil
}

// Matches reports whether the rule is for a file; name is relative to the root.
func (r *Rule) Matches(name string) bool {
	if !strings.Contains(r.Pattern, "/") {
		name = path.Base(name)
	}
	ok, _ := path.Match(strings.TrimPrefix(r.Pattern, "/"), name) // the pattern was checked
	return ok
}

// first is the value of the first rule for a file.
func first(rules []Rule, name string) (string, bool) {
	for i := range rules {
		if rules[i].Matches(name) {
			return rules[i].Value, true
		}
	}
	return "", false
}

// typeOf is the media type by the rules, or else by the table, which may leave it empty.
func (h *Handler) typeOf(name string) (t string, byRule bool) {
	if t, ok := first(h.cfg.Types, name); ok {
		return t, true
	}
	t, _ = mediaType(path.Base(name))
	return t, false
}

// relabel gives text the charset that the rules have for it; false if they have none.
func (h *Handler) relabel(mediaType, name string) (string, bool) {
	if !strings.HasPrefix(essence(mediaType), "text/") {
		return mediaType, false
	}
	charset, ok := first(h.cfg.Charsets, name)
	if !ok {
		return mediaType, false
	}
	t, parameters, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return mediaType, false
	}
	delete(parameters, "charset")
	if charset != noCharset {
		parameters["charset"] = charset
	}
	return mime.FormatMediaType(t, parameters), true
}

// fieldsOf are the rules for the header of a file; later ones override earlier ones.
func (h *Handler) fieldsOf(name string) (fields []Rule) {
	for i := range h.cfg.Headers {
		if h.cfg.Headers[i].Matches(name) {
			fields = append(fields, h.cfg.Headers[i])
		}
	}
	return fields
}

// decorate sets the fields that rules have for the file. It comes last, for responses
// that are no errors: 304 has them too, so that what a cache holds is brought up to date
// (RFC 9110 section 15.4.5, RFC 9111 section 3.2).
func (r *representation) decorate(c *fiber.Ctx) {
	for i := range r.fields {
		c.Response().Header.Set(r.fields[i].Name, r.fields[i].Value)
	}
}
