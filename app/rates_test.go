package app

import (
	"testing"

	"fullbore/app/config"
	"fullbore/app/transfer"
	"fullbore/static"
)

// A rule is for what its pattern matches, or for a folder and all below it; the first
// one counts.
func TestRuleOfAPath(t *testing.T) {
	transfers := transfer.New(transfer.Config{})
	defer transfers.Close()
	r := newRates(&config.Config{BasePath: "/files", Bandwidth: config.Bandwidth{Rules: []static.Rule{
		{Pattern: "*.iso", Name: "rate", Value: "1"},
		{Pattern: "archive/", Name: "rate", Value: "2"},
		{Pattern: "/docs/*", Name: "client-rate", Value: "3"},
		{Pattern: "/docs/*", Name: "rate", Value: "3"},
		{Pattern: "/", Name: "rate", Value: "4"},
	}}}, transfers)
	defer r.close()
	for path, want := range map[string]int64{
		"/files/a.iso":         1,
		"/files/archive/a.iso": 1,
		"/files/archive/a":     2,
		"/files/archive/b/c":   2,
		"/files/archive/":      2,
		"/files/archives":      4,
		"/files/archivist/x":   4,
		"/files/docs/a":        3,
		"/files/docs/a/b":      4,
		"/files/":              4,
	} {
		rule := r.now.Load().ruleFor(r.nameOf([]byte(path)))
		if rule == nil || rule.Server != want {
			t.Errorf("%s: %+v, want rate %d", path, rule, want)
		}
	}
	if r.set(&config.Bandwidth{}); r.pacer.On() {
		t.Error("without rates something is limited")
	}
}
