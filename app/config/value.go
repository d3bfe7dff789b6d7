package config

// Each type is a pflag.Value whose String gives what Set takes, for flags, file
// and environment alike.

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// text is any string.
type text string

// Set takes it as it is.
func (t *text) Set(s string) error { *t = text(s); return nil }
func (t *text) String() string     { return string(*t) }

// Type is the word for the value in the help text.
func (t *text) Type() string { return "string" }

// boolean is true or false.
type boolean bool

// Set reads what strconv.ParseBool does.
func (b *boolean) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("want true or false")
	}
	*b = boolean(v)
	return nil
}

func (b *boolean) String() string { return strconv.FormatBool(bool(*b)) }

// Type is the word for the value in the help text.
func (b *boolean) Type() string { return "bool" }

// IsBoolFlag lets a flag stand alone, for true.
func (b *boolean) IsBoolFlag() bool { return true }

// alone is the value of the flag without one.
func (b *boolean) alone() string { return "true" }

// integer is a whole number.
type integer int

// Set reads a decimal number.
func (i *integer) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil {
		return errors.New("want a whole number")
	}
	*i = integer(v)
	return nil
}

func (i *integer) String() string { return strconv.Itoa(int(*i)) }

// Type is the word for the value in the help text.
func (i *integer) Type() string { return "int" }

// duration is a time span that people write as 30s, 1h30m, 7d or 1d12h.
type duration time.Duration

// days finds the two units that time.ParseDuration does not know.
var days = regexp.MustCompile(`[0-9.]+[dw]`)

// Set reads a duration: all that time.ParseDuration does, and whole days and
// weeks, which have 24 and 168 hours here.
func (d *duration) Set(s string) error {
	hours := days.ReplaceAllStringFunc(s, func(span string) string {
		n, err := strconv.ParseInt(span[:len(span)-1], 10, 32)
		if err != nil {
			return span // which nobody knows
		}
		if n *= 24; span[len(span)-1] == 'w' {
			n *= 7
		}
		return strconv.FormatInt(n, 10) + "h"
	})
	v, err := time.ParseDuration(hours)
	if err != nil {
		return errors.New("want a duration such as 30s")
	}
	*d = duration(v)
	return nil
}

func (d duration) String() string {
	const day = duration(24 * time.Hour)
	if d == 0 {
		return "0"
	}
	if d < 0 { // which no key takes; it is only ever shown
		return time.Duration(d).String()
	}
	whole, rest := "", time.Duration(d%day).String()
	if d >= day {
		whole = strconv.FormatInt(int64(d/day), 10) + "d"
	}
	if d%day == 0 {
		return whole
	}
	if strings.HasSuffix(rest, "m0s") {
		rest = strings.TrimSuffix(rest, "0s")
	}
	if strings.HasSuffix(rest, "h0m") {
		rest = strings.TrimSuffix(rest, "0m")
	}
	return whole + rest
}

// Type is the word for the value in the help text.
func (d *duration) Type() string { return "duration" }

// list is words between commas.
type list struct {
	to  *[]string
	set bool // by Set, so that what comes next is added
}

// Set reads words between commas; when it is called again, more of them.
func (l *list) Set(s string) error {
	if !l.set {
		*l.to, l.set = nil, true
	}
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			*l.to = append(*l.to, word)
		}
	}
	return nil
}

func (l *list) String() string {
	if l == nil || l.to == nil {
		return ""
	}
	return strings.Join(*l.to, ",")
}

// replace makes the next Set begin anew: what a later layer says takes the
// place of what an earlier one said.
func (l *list) replace() { l.set = false }

// Type is the word for the value in the help text.
func (l *list) Type() string { return "list" }

// places is a list of addresses, or Everywhere.
type places struct{ list }

// Set reads addresses between commas. It takes true for Everywhere, and false for none.
func (p *places) Set(s string) error {
	switch s {
	case "true":
		s = Everywhere
	case "false":
		s = ""
	}
	return p.list.Set(s)
}

// alone is the value of the flag without one.
func (p *places) alone() string { return Everywhere }

// secretURL is an address that may hold a secret: in its user part, or in the
// path or query, where chat systems have it.
type secretURL string

// Set takes it as it is; Validate looks at it.
func (u *secretURL) Set(s string) error { *u = secretURL(s); return nil }
func (u *secretURL) String() string     { return string(*u) }

// Type is the word for the value in the help text.
func (u *secretURL) Type() string { return "URL" }

// mask stands for what is not shown.
const mask = "***"

// Masked is the address without what may be secret in it.
func (u *secretURL) Masked() string {
	if *u == "" {
		return ""
	}
	parsed, err := url.Parse(string(*u))
	if err != nil || parsed.Host == "" {
		return mask
	}
	shown := parsed.Scheme + "://"
	if parsed.User != nil {
		shown += mask + "@"
	}
	shown += parsed.Host
	if slices.Contains([]string{"", "/"}, parsed.Path) && parsed.RawQuery == "" && parsed.Fragment == "" {
		return shown + parsed.Path
	}
	return shown + "/" + mask
}
