package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fullbore/static"
)

// Bandwidth is how fast bytes may go, in bytes per second; 0 is no limit.
type Bandwidth struct {
	Server     Size          // in all
	Client     Size          // to each client
	Connection Size          // on each connection
	Rules      []static.Rule // by pattern; Name is one of the keys of the three above, Value a rate
}

// The keys of rates, which are those of rules, too.
const (
	keyRate           = "rate"
	keyClientRate     = "client-rate"
	keyConnectionRate = "connection-rate"
)

func (b *Bandwidth) keys() []Key {
	return []Key{
		{keyRate, sectionBandwidth, "send and receive at most this much per second in all, such as 10MB; 0 is no limit", true, nil, (*rate)(&b.Server)},
		{keyClientRate, sectionBandwidth, "send to a client and receive from it at most this much per second, however many connections it has; 0 is no limit", true, nil, (*rate)(&b.Client)},
		{keyConnectionRate, sectionBandwidth, "send and receive at most this much per second on a connection; 0 is no limit", true, nil, (*rate)(&b.Connection)},
		{"rates", sectionBandwidth, `further rates by pattern, such as {"*.iso": {client-rate: 2MB}, archive/: {rate: 10MB}}; the first pattern that matches counts`, true, nil, &rules{to: &b.Rules, checkPattern: checkPath, checkField: checkRate}},
	}
}

// checkPath is the error of what is no pattern for files, nor a folder with a slash at
// its end, which stands for all below it.
func checkPath(pattern string) error {
	if pattern == "/" {
		return nil
	}
	folder, ok := strings.CutSuffix(pattern, "/")
	if !ok {
		return static.CheckPattern(pattern)
	}
	if err := static.CheckPattern(folder); err != nil || strings.ContainsAny(folder, `*?[\`) {
		return fmt.Errorf("%q: want a folder such as archive/, or a pattern such as *.iso or docs/*", pattern)
	}
	return nil
}

// checkRate is the error of a rate in a rule.
func checkRate(name, value string) error {
	names := []string{keyRate, keyClientRate, keyConnectionRate}
	if !slices.Contains(names, name) {
		return fmt.Errorf("%s: want %s", plain(name), strings.Join(names[:2], ", ")+" or "+names[2])
	}
	if err := new(rate).Set(value); err != nil {
		return fmt.Errorf("%s: %q: %w", name, value, err)
	}
	return nil
}

// RateRule is what Bandwidth.Rules say of one pattern.
type RateRule struct {
	Pattern                    string
	Server, Client, Connection int64 // bytes per second
}

// RateRules are the rules, one for each pattern, in their order.
func (b *Bandwidth) RateRules() (found []RateRule) {
	for _, rule := range b.Rules {
		if len(found) == 0 || found[len(found)-1].Pattern != rule.Pattern {
			found = append(found, RateRule{Pattern: rule.Pattern})
		}
		var value rate
		_ = value.Set(rule.Value) // it was checked
		switch last := &found[len(found)-1]; rule.Name {
		case keyRate:
			last.Server = int64(value)
		case keyClientRate:
			last.Client = int64(value)
		case keyConnectionRate:
			last.Connection = int64(value)
		}
	}
	return found
}

// rate is a Size per second.
type rate Size

// Set reads a rate: a size, with /s behind it or not.
func (r *rate) Set(text string) error {
	if err := (*Size)(r).Set(strings.TrimSuffix(text, "/s")); err != nil {
		return errors.New("want a size per second such as 10MB")
	}
	return nil
}

func (r *rate) String() string { return (*Size)(r).String() }

// Type is the word for the value in the help text.
func (r *rate) Type() string { return "rate" }
