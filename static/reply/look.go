package reply

import (
	"embed"
	"html/template"
	"slices"
	"strings"
)

//go:embed assets
var assets embed.FS

// What every page has: its style, and the script that keeps the choice of a
// theme and runs before the page is drawn.
var (
	BaseCSS = asset("base.css")
	ThemeJS = asset("theme.js")
)

var templates = template.Must(template.New("").
	Funcs(template.FuncMap{"icons": Icons}).ParseFS(assets, "assets/shared.html"))

// Templates are those that pages share, for others to be parsed beside them:
// "begin" is the start of the head, "theme" the button for the theme, and
// "icon" an icon by its name, if Icons is on the page.
func Templates() *template.Template { return template.Must(templates.Clone()) }

// Icons are the icons with these names, or all of them, to be put in a page
// once. The file has one on each line.
func Icons(names ...string) template.HTML {
	var b strings.Builder
	for line := range strings.Lines(asset("icons.svg")) {
		id, isSymbol := strings.CutPrefix(line, `<symbol id="i-`)
		name, _, _ := strings.Cut(id, `"`)
		if !isSymbol || len(names) == 0 || slices.Contains(names, name) {
			b.WriteString(line)
		}
	}
	return template.HTML(b.String()) //nolint:gosec // a file of ours
}

func asset(name string) string {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return string(text)
}
