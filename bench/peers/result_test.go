//go:build linux

package peers

// This file checks the arithmetic and the words of the report.

import (
	"strings"
	"testing"
)

func TestSummaryComparesRoundByRound(t *testing.T) {
	rounds := func(values ...float64) []figures {
		var list []figures
		for _, value := range values {
			list = append(list, figures{"x": value})
		}
		return list
	}
	comparison := &Comparison{
		Metrics: []Metric{{Name: "x", Better: lower}, {Name: "absent"}},
		Peers: []*Series{
			{Peer: "other", Rounds: rounds(2, 8, 15)},
			{Peer: ours, Rounds: rounds(1, 2, 5)},
			{Peer: "shorter", Rounds: rounds(3)},
			{Peer: "failed"},
		},
	}
	comparison.summarize()
	// Of the medians the ratio were 4; round by round it is 2, 4 and 3.
	want := Summary{Median: 8, Low: 2, High: 15, Spread: 162.5, Ratio: 3}
	if got := comparison.Peers[0].Summary["x"]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := comparison.Peers[1].Summary["x"]; got.Ratio != 1 || got.Median != 2 {
		t.Errorf("fullbore against itself: %+v", got)
	}
	if got := comparison.Peers[2].Summary["x"]; got.Ratio != 3 {
		t.Errorf("one round only: %+v", got)
	}
	if got := comparison.Peers[3].Summary; len(got) != 0 {
		t.Errorf("without rounds: %+v", got)
	}
}

func TestRatiosToReferencesHaveTheirSpread(t *testing.T) {
	comparison := &Comparison{
		Metrics: []Metric{{Name: "x", Title: "X", Better: lower, Headline: true}, {Name: "size"}}, References: []string{"before", bare, known},
		Peers: []*Series{
			{Peer: bare, Rounds: []figures{{"x": 1, "size": 1}, {"x": 2, "size": 1}, {"x": 4, "size": 1}}},
			{Peer: "before", Rounds: []figures{{"x": 2, "size": 1}, {"x": 2, "size": 1}, {"x": 5, "size": 1}}},
			{Peer: "failed"},
		},
	}
	comparison.summarize()
	got := comparison.Peers[1].Ratios
	if want := (Ratio{1.25, 1, 2}); len(got) != 1 || len(got[bare]) != 1 || got[bare]["x"] != want {
		t.Errorf("%+v, want %+v to the bare loop and nothing else", got, want)
	}
	if got := comparison.Peers[0].Summary["x"].Ratio; got != 0.8 {
		t.Errorf("ratio to the first build %v, want 0.8", got)
	}
	var m markdown
	m.ratios(comparison)
	const want = `| ratio, round by round | X ↓ / before | X ↓ / bare loop | X ↓ / nginx |
|---|---:|---:|---:|
| bare loop | 0.800 (0.500 to 1.00) | - | - |
| before | - | 1.25 (1.00 to 2.00) | - |
| failed | - | - | - |

`
	if got := m.text.String(); got != want {
		t.Errorf("table\n%s\nwant\n%s", got, want)
	}
}

func TestSubjectsAreServersAndBuilds(t *testing.T) {
	got, err := choose([]string{"nginx", "a= --engine epoll", "b=/bin/x", "fullbore=./y --max-age 1h", "c="})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		name, program, args string
		own                 bool
	}{
		{"nginx", "", "", false},
		{"a", "", "--engine epoll", true},
		{"b", "/bin/x", "", true},
		{"fullbore", "./y", "--max-age 1h", true},
		{"c", "", "", true},
	} {
		if p := got[i]; p.name != want.name || p.program != want.program || strings.Join(p.args, " ") != want.args || p.own() != want.own {
			t.Errorf("%+v, want %+v", p, want)
		}
	}
	if everyone, err := choose(nil); err != nil || len(everyone) != len(all) {
		t.Errorf("%d of %d servers by default, %v", len(everyone), len(all), err)
	}
}

func TestWithoutFullboreThereAreNoRatios(t *testing.T) {
	comparison := &Comparison{
		Metrics: []Metric{{Name: "x", Title: "X", Better: lower, Headline: true}},
		Peers:   []*Series{{Peer: "other", Rounds: []figures{{"x": 2}}}},
	}
	comparison.summarize()
	if got := comparison.Peers[0].short(comparison.Metrics[0], ours); got != "2.00" {
		t.Errorf("cell %q, want 2.00", got)
	}
}

func TestRatioToNothingIsNone(t *testing.T) {
	for _, c := range [][2][]float64{{{1}, {0}}, {nil, {1}}, {{1}, nil}, {{-1}, {1}}} {
		if got := ratio(c[0], c[1]); got != (Ratio{}) {
			t.Errorf("%v to %v: %v, want 0", c[0], c[1], got)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 0.12345: "0.123", 0.0012345: "0.00123", 1.2345: "1.23", 12.345: "12.3", 123.45: "123", 999.6: "1000",
		1234.5: "1,235", 1234567: "1,234,567", -1.2345: "-1.23", 1e-9: "0.000000",
	} {
		if got := number(value); got != want {
			t.Errorf("%v: %s, want %s", value, got, want)
		}
	}
}

func TestCellsSayWhyTheyAreEmpty(t *testing.T) {
	metric := Metric{Name: "x", Better: higher}
	for _, c := range []struct {
		series Series
		want   string
	}{
		{Series{LeftOut: "no TLS"}, "-"},
		{Series{Problem: "died"}, "failed"},
		{Series{Summary: map[string]Summary{"x": {Median: 2, Ratio: 0.5}}, Rounds: make([]figures, 1)}, "2.00 ×0.500"},
		{Series{Summary: map[string]Summary{"x": {Median: 2, Spread: 7.4, Ratio: 0.5}}, Rounds: make([]figures, 2)}, "2.00 ± 7 % ×0.500"},
		{Series{Peer: ours, Summary: map[string]Summary{"x": {Median: 2, Ratio: 1}}, Rounds: make([]figures, 1)}, "2.00"},
	} {
		if got := c.series.cell(metric, ours); got != c.want {
			t.Errorf("%+v: %q, want %q", c.series, got, c.want)
		}
	}
}

func TestMarkdownEscapesWhatEndsACell(t *testing.T) {
	var m markdown
	m.row([]string{"a|b", "100 %d"})
	if got := m.text.String(); got != "| a\\|b | 100 %d |\n" {
		t.Errorf("%q", got)
	}
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	for want, args := range map[string][]string{
		`--subjects: no "iis", there are fullbore, nginx`: {"--subjects", "nginx,iis"},
		`--subjects: "bare" twice`:                        {"--subjects", "bare,nginx,bare"},
		`no "nginx=/bin/nginx"`:                           {"--subjects", "nginx=/bin/nginx"},
		`no "a/b="`:                                       {"--subjects", "a/b="},
		`--workloads: no "whol", there are whole`:         {"--workloads", "whol"},
		"must be more than 0":                             {"--rounds", "0"},
		"--size must be at least --range":                 {"--size", "1KiB"},
		"--small must be sizes of at least 1 byte":        {"--small", "0"},
		"is not a size":                                   {"--small", "4KiB,many"},
		"--plot chart.gif: the name must end in .svg or":  {"--plot", "chart.gif"},
	} {
		command := Command()
		command.SetArgs(args)
		command.SilenceErrors, command.SilenceUsage = true, true
		if err := command.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one that says %q", args, err, want)
		}
	}
}

func TestQuickLeavesGivenFlagsAlone(t *testing.T) {
	command := Command()
	if err := command.ParseFlags([]string{"--quick", "--rounds", "7", "--small", "1KiB,2KiB"}); err != nil {
		t.Fatal(err)
	}
	if err := applyQuick(command); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rounds": "7", "slow": "50", "size": "16 MiB", "small": "1.0KiB,2.0KiB"} {
		if got := command.Flag(name).Value.String(); got != want {
			t.Errorf("--%s is %s, want %s", name, got, want)
		}
	}
}
