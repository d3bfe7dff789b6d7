//go:build linux

package report

// This file draws the series over the bytes served. It exists because a reader
// believes a slope when the points lie on it, and not before.

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"fullbore/bench/stats"
)

const (
	plotWidth  = 18 * vg.Centimeter
	plotHeight = 8 * vg.Centimeter
)

var (
	pointColor = color.RGBA{R: 0x1f, G: 0x5f, B: 0xa8, A: 0xff}
	warmColor  = color.RGBA{R: 0xb0, G: 0xb8, B: 0xc0, A: 0xff}
	slopeColor = color.RGBA{R: 0xd0, G: 0x4a, B: 0x02, A: 0xff}
	bandColor  = color.RGBA{R: 0xd0, G: 0x4a, B: 0x02, A: 0x30}
)

// picture is one plot in both formats.
type picture struct {
	file, title string
	svg, png    []byte
}

// plots draws what has two points at least.
func (s *Soak) plots() ([]picture, error) {
	var pictures []picture
	for i, series := range s.Series {
		if len(series.Values) < 2 {
			continue
		}
		p := newPlot(series.Name+" at rest", series.Unit)
		if err := s.drawSeries(p, series, s.Findings[i]); err != nil {
			return pictures, fmt.Errorf("plot of %s: %w", series.Name, err)
		}
		drawn, err := render(p, fileName(series.Name))
		if err != nil {
			return pictures, err
		}
		pictures = append(pictures, drawn)
	}
	if len(s.Rest) < 2 {
		return pictures, nil
	}
	p := newPlot("Throughput of each round", stats.InBytes)
	p.Y.Label.Text, p.Y.Tick.Marker = "GB/s", plot.DefaultTicks{}
	points := make(plotter.XYs, len(s.Rest))
	for i, rest := range s.Rest {
		points[i] = plotter.XY{X: rest.GB, Y: float64(rest.Sent) / 1e9 / math.Max(rest.Loaded, 1e-9)}
	}
	p.Y.Min = 0
	if err := addPoints(p, points, pointColor, true); err != nil {
		return pictures, fmt.Errorf("plot of throughput: %w", err)
	}
	drawn, err := render(p, "throughput")
	return append(pictures, drawn), err
}

func newPlot(title string, unit stats.Unit) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, "GB served"
	p.Add(plotter.NewGrid())
	if unit == stats.InBytes {
		p.Y.Tick.Marker = byteTicks{}
	}
	return p
}

// drawSeries has the warm-up in gray, the readings, the slope and its band.
func (s *Soak) drawSeries(p *plot.Plot, series stats.Series, finding Finding) error {
	points := make(plotter.XYs, len(series.Values))
	highest := 0.0
	for i := range points {
		points[i] = plotter.XY{X: series.GB[i], Y: series.Values[i]}
		highest = max(highest, series.Values[i])
	}
	warm := min(s.Warmup, len(points))
	if len(points)-warm >= 2 && finding.Slope.Estimate != nil {
		if err := addSlope(p, points[warm:], finding); err != nil {
			return err
		}
	}
	if warm > 0 {
		if err := addPoints(p, points[:warm], warmColor, false); err != nil {
			return err
		}
	}
	if warm < len(points) {
		if err := addPoints(p, points[warm:], pointColor, true); err != nil {
			return err
		}
	}
	// From zero, so that noise does not fill the page and look like a cliff.
	p.Y.Min, p.Y.Max = 0, highest*1.2+1
	return nil
}

// addSlope draws the line through the medians, and what the interval allows.
func addSlope(p *plot.Plot, points plotter.XYs, finding Finding) error {
	var x, y []float64
	for _, point := range points {
		x, y = append(x, point.X), append(y, point.Y)
	}
	midX, midY := stats.Median(x), stats.Median(y)
	from, to := x[0], x[len(x)-1]
	at := func(slope, x float64) plotter.XY { return plotter.XY{X: x, Y: midY + slope*(x-midX)} }
	if lower, upper := finding.Slope.Lower, finding.Slope.Upper; lower != nil && upper != nil {
		middle := plotter.XY{X: midX, Y: midY}
		for _, x := range []float64{from, to} {
			band, err := plotter.NewPolygon(plotter.XYs{middle, at(*lower, x), at(*upper, x)})
			if err != nil {
				return err
			}
			band.Color, band.LineStyle.Color = bandColor, color.Transparent
			p.Add(band)
		}
	}
	line, err := plotter.NewLine(plotter.XYs{at(*finding.Slope.Estimate, from), at(*finding.Slope.Estimate, to)})
	if err != nil {
		return err
	}
	line.Color, line.Width = slopeColor, vg.Points(1.5)
	p.Add(line)
	return nil
}

func addPoints(p *plot.Plot, points plotter.XYs, ink color.Color, joined bool) error {
	if joined {
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = ink, vg.Points(0.5)
		p.Add(line)
	}
	scatter, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	scatter.Color, scatter.Shape, scatter.Radius = ink, draw.CircleGlyph{}, vg.Points(2.5)
	p.Add(scatter)
	return nil
}

func render(p *plot.Plot, file string) (picture, error) {
	drawn := picture{file: file, title: p.Title.Text}
	for format, to := range map[string]*[]byte{"svg": &drawn.svg, "png": &drawn.png} {
		writer, err := p.WriterTo(plotWidth, plotHeight, format)
		if err != nil {
			return drawn, fmt.Errorf("plot of %s: %w", file, err)
		}
		var text bytes.Buffer
		if _, err := writer.WriteTo(&text); err != nil {
			return drawn, fmt.Errorf("plot of %s: %w", file, err)
		}
		*to = text.Bytes()
	}
	return drawn, nil
}

func fileName(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

// byteTicks are plot's own ticks, with sizes for labels.
type byteTicks struct{}

// Ticks implements plot.Ticker.
func (byteTicks) Ticks(low, high float64) []plot.Tick {
	// In MiB the default ticks are round numbers, in bytes they are not.
	const mib = 1 << 20
	ticks := plot.DefaultTicks{}.Ticks(low/mib, high/mib)
	for i := range ticks {
		ticks[i].Value *= mib
		if ticks[i].Label != "" {
			ticks[i].Label = humanize.Ftoa(ticks[i].Value/mib) + " MiB"
		}
	}
	return ticks
}
