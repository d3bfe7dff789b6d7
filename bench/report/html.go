//go:build linux

package report

// This file is the page: the verdict first, then what it rests on, then the
// rest. It exists as one file without scripts, fonts or pictures from elsewhere,
// so that it can be mailed and still be opened in ten years.

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/dustin/go-humanize"

	"fullbore/bench/load"
	"fullbore/bench/stats"
)

//go:embed report.html
var pageText string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"bytes": func(value any) string {
		switch v := value.(type) {
		case int64:
			return stats.Bytes(float64(v))
		case float64:
			return stats.Bytes(v)
		}
		return fmt.Sprint(value)
	},
	"gb":    func(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) },
	"comma": func(n int) string { return humanize.Comma(int64(n)) },
	"milliseconds": func(seconds float64) string {
		return fmt.Sprintf("%.2f ms", seconds*1000)
	},
	"decimal": func(value *float64) string { return fmt.Sprintf("%.3f", *value) },
}).Parse(pageText))

// page is what the template sees.
type page struct {
	*Soak
	Plots    []plotOnPage
	Rows     []row
	Kinds    []kindCount
	Headline string
	Rate     float64 // GB per second under load
}

type plotOnPage struct {
	Title string
	SVG   template.HTML
}

type kindCount struct {
	Kind  load.Kind
	Count int
}

// row is a series as the page shows it.
type row struct {
	Finding
	Informative                                  bool
	SlopeText, Interval, GrowthText, First, Last string
}

func (s *Soak) html(plots []picture) ([]byte, error) {
	p := page{Soak: s, Headline: s.headline()}
	if s.Loaded > 0 {
		p.Rate = float64(s.Served) / 1e9 / s.Loaded
	}
	for _, kind := range load.Kinds {
		if s.Downloads[kind] > 0 {
			p.Kinds = append(p.Kinds, kindCount{kind, s.Downloads[kind]})
		}
	}
	for _, plot := range plots {
		// Drawn here from numbers: nothing in it comes from outside.
		p.Plots = append(p.Plots, plotOnPage{plot.title, template.HTML(inline(plot.svg))})
	}
	for i, finding := range s.Findings {
		p.Rows = append(p.Rows, newRow(finding, s.Series[i]))
	}
	var text bytes.Buffer
	if err := pageTemplate.Execute(&text, p); err != nil {
		return nil, fmt.Errorf("report page: %w", err)
	}
	return text.Bytes(), nil
}

// inline drops the XML prologue before the svg element, which HTML must not have.
func inline(svg []byte) string {
	text := string(svg)
	return text[max(0, strings.Index(text, "<svg")):]
}

// headline is the verdict for a reader who stops there.
func (s *Soak) headline() string {
	switch {
	case s.Error != "":
		return s.Error
	case s.Verdict == string(stats.Flat):
		return fmt.Sprintf("Memory stays flat over %.0f GB.", float64(s.Served)/1e9)
	case s.Verdict == string(stats.Leak):
		return "The server keeps what it should give back."
	}
	return "There is too little to say whether it leaks. A longer run will tell."
}

func newRow(finding Finding, series stats.Series) row {
	text := func(value *float64) string {
		switch {
		case value == nil:
			return "unknown"
		case series.Unit == stats.InBytes:
			return stats.Bytes(*value)
		}
		return fmt.Sprintf("%.3g", *value)
	}
	r := row{
		Finding: finding, Informative: series.Informative, SlopeText: text(finding.Slope.Estimate),
		Interval: text(finding.Slope.Lower) + " to " + text(finding.Slope.Upper), GrowthText: text(&finding.Growth),
		First: text(&finding.Start), Last: text(&finding.Rest),
	}
	return r
}
