//go:build linux

package peers

// This file draws the chart: one tile per headline, one bar per server. It exists
// because seven servers and a dozen figures are more than a reader holds in mind.

import (
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	tilesAcross = 3
	tileWidth   = 10 * vg.Centimeter
	tileHeight  = 7 * vg.Centimeter
	barWidth    = 0.5 * vg.Centimeter
)

var (
	oursColor   = color.RGBA{R: 0xd0, G: 0x4a, B: 0x02, A: 0xff}
	othersColor = color.RGBA{R: 0x9a, G: 0xa5, B: 0xb1, A: 0xff}

	// formats of the chart by the file's ending.
	formats = map[string]string{".svg": "svg", ".png": "png"}
)

// checkPlot finds out before hours of measuring that a chart cannot be drawn.
func checkPlot(path string) error {
	if formats[strings.ToLower(filepath.Ext(path))] == "" {
		return fmt.Errorf("--plot %s: the name must end in .svg or .png", path)
	}
	return nil
}

// writePlot draws all headlines into one picture.
func writePlot(path string, result *Result) (err error) {
	var plots []*plot.Plot
	for _, comparison := range result.Comparisons {
		for _, metric := range comparison.Metrics {
			if !metric.Headline {
				continue
			}
			tile, err := drawTile(comparison, metric)
			if err != nil {
				return fmt.Errorf("chart of %s: %w", comparison.Title, err)
			}
			if tile != nil {
				plots = append(plots, tile)
			}
		}
	}
	if len(plots) == 0 {
		return errors.New("chart: nothing was measured")
	}
	across := min(tilesAcross, len(plots))
	down := (len(plots) + across - 1) / across
	picture, err := draw.NewFormattedCanvas(tileWidth*vg.Length(across), tileHeight*vg.Length(down), formats[strings.ToLower(filepath.Ext(path))])
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	canvas := draw.New(picture)
	canvas.SetColor(color.White)
	canvas.Fill(canvas.Path())
	tiles := draw.Tiles{Rows: down, Cols: across, PadX: vg.Millimeter * 4, PadY: vg.Millimeter * 4, PadTop: vg.Millimeter * 2, PadLeft: vg.Millimeter * 2, PadRight: vg.Millimeter * 2}
	for i, tile := range plots {
		tile.Draw(tiles.At(canvas, i%across, i/across))
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	_, err = picture.WriteTo(file)
	return errors.Join(err, file.Close())
}

// drawTile draws one headline, the first server on top. It is nil without figures.
func drawTile(c *Comparison, metric Metric) (*plot.Plot, error) {
	var names []string
	var values plotter.Values
	var labels plotter.XYLabels
	mine := -1
	for _, series := range slices.Backward(c.Peers) { // the axis begins at the bottom
		summary, ok := series.Summary[metric.Name]
		if !ok {
			continue
		}
		if series.Peer == c.base() {
			mine = len(values)
		}
		labels.XYs = append(labels.XYs, plotter.XY{X: summary.Median, Y: float64(len(values))})
		labels.Labels = append(labels.Labels, " "+series.short(metric, c.base()))
		names = append(names, series.Peer)
		values = append(values, summary.Median)
	}
	if len(values) == 0 {
		return nil, nil
	}
	tile := plot.New()
	tile.Title.Text = c.Title + "\n" + metric.Title + ", " + metric.Unit + " (" + metric.Better + " is better)"
	tile.Title.Padding = 2 * vg.Millimeter
	sans(&tile.Title.TextStyle, 9)
	tile.X.Min, tile.X.Max = 0, 1.35*slices.Max(values) // room for the labels
	tile.HideX()
	if err := addBars(tile, values, mine); err != nil {
		return nil, err
	}
	beside, err := barLabels(labels)
	if err != nil {
		return nil, err
	}
	tile.Add(beside)
	tile.NominalY(names...)
	sans(&tile.Y.Tick.Label, 9)
	return tile, nil
}

// sans sets a style in a plain typeface of some points.
func sans(style *text.Style, points float64) {
	style.Font.Variant, style.Font.Size = "Sans", font.Length(points)
}

// addBars adds all bars in one color, then ours again in another.
func addBars(tile *plot.Plot, values plotter.Values, mine int) error {
	bars, err := plotter.NewBarChart(values, barWidth)
	if err != nil {
		return err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, othersColor, 0
	tile.Add(bars)
	if mine < 0 {
		return nil
	}
	own, err := plotter.NewBarChart(plotter.Values{values[mine]}, barWidth)
	if err != nil {
		return err
	}
	own.Horizontal, own.Color, own.LineStyle.Width, own.XMin = true, oursColor, 0, float64(mine)
	tile.Add(own)
	return nil
}

func barLabels(labels plotter.XYLabels) (*plotter.Labels, error) {
	drawn, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range drawn.TextStyle {
		sans(&drawn.TextStyle[i], 8)
		drawn.TextStyle[i].YAlign = text.YCenter
	}
	return drawn, nil
}
