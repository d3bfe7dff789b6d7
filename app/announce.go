package app

import (
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	goqr "github.com/piglig/go-qr"

	"fullbore/app/listen"
)

// announcer says at the start where the server can be reached.
type announcer struct {
	line     func(format string, args ...any)
	warn     func(text string)
	base     string // what all paths begin with
	draws    bool   // a QR code is wanted
	terminal bool   // there is somewhere to draw it
}

// listening says what a door listens on, a line each. Scripts wait for these
// lines, so what others can use comes on lines of its own.
func (a *announcer) listening(word string, d *door) {
	for _, name := range d.names() {
		a.line("%s %s", word, name)
	}
}

// reachable says by which URLs others in the network reach a door, and draws
// the first.
func (a *announcer) reachable(d *door) {
	var urls []string
	for _, socket := range d.Entrances() {
		urls = append(urls, listen.Reachable(socket.Addr())...)
	}
	for i := range urls {
		if a.base != "" {
			urls[i] += a.base + "/"
		}
	}
	for _, url := range urls {
		a.line("reachable %s", url)
	}
	switch {
	case !a.draws:
	case !a.terminal:
		a.warn("qr: standard error is no terminal, so no code is drawn")
	case urls == nil:
		a.warn("qr: no URL for others to use, so no code is drawn; --listen :8080 listens on every address")
	default:
		a.draw(urls[0])
	}
}

// isTerminal reports whether people read what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// quietZone is how many light modules a code needs around it; ISO/IEC 18004.
const quietZone = 4

// draw draws text as a QR code, two modules in a character, black on white
// whatever the terminal's colors are.
func (a *announcer) draw(text string) {
	code, err := goqr.EncodeText(text, goqr.Low)
	if err != nil { // longer than any URL of ours
		a.warn("qr: " + err.Error())
		return
	}
	const end = "\x1b[0m"
	for y := -quietZone; y < code.Size()+quietZone; y += 2 {
		var line strings.Builder
		line.WriteString("\x1b[30;107m")
		for x := -quietZone; x < code.Size()+quietZone; x++ {
			line.WriteString(halves(code.Module(x, y), code.Module(x, y+1)))
		}
		a.line("%s", line.String()+end)
	}
}

// halves is the character of two modules, one above the other.
func halves(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}
