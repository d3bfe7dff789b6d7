package listing

// Some Markdown takes its renderer time in proportion to the square of its
// length, and nothing can stop a renderer. People do not write such texts;
// attackers do. They are kept away from it.

import (
	"bytes"
	"strings"
)

const (
	maxLines = 5000
	maxDepth = 32 // of lists and quotes that begin on the same line

	// maxMarks is for the squares of the marks in the long paragraphs of a
	// text, together: one paragraph can have 2,236. It is about 0.2 s.
	maxMarks  = 5_000_000
	fewMarks  = 100
	markBytes = "*_~`[]<!&"

	// maxCells is for a table: all of its rows are filled up to the widest.
	maxCells = 20_000
)

// costly reports Markdown that could take long to render.
func costly(text []byte) bool {
	var g gauge
	for line := range bytes.Lines(text) {
		if g.add(line) {
			return true
		}
	}
	g.endParagraph()
	return g.cost > maxMarks
}

// gauge measures a text line by line.
type gauge struct {
	lines, cost int
	marks       int // in this paragraph
	rows, width int // of the table that this block may be
}

// add reports a line that makes the text costly.
func (g *gauge) add(line []byte) bool {
	g.lines++
	depth, rest := containers(line)
	blank := len(bytes.TrimSpace(rest)) == 0
	if blank || isItem(line) {
		g.endParagraph()
	}
	if blank {
		g.rows, g.width = 0, 0
	}
	for _, c := range rest {
		if strings.IndexByte(markBytes, c) >= 0 {
			g.marks++
		}
	}
	g.rows++
	g.width = max(g.width, bytes.Count(line, []byte{'|'})+1)
	return g.lines > maxLines || depth > maxDepth || g.marks*g.marks > maxMarks || g.rows*g.width > maxCells
}

func (g *gauge) endParagraph() {
	if g.marks > fewMarks {
		g.cost += g.marks * g.marks
	}
	g.marks = 0
}

// containers is how many lists and quotes a line begins, and what follows.
func containers(line []byte) (depth int, rest []byte) {
	for {
		line = bytes.TrimLeft(line, " \t")
		n := digits(line)
		if len(line) == n {
			return depth, line
		}
		mark, after := line[n], line[n+1:]
		switch {
		case n == 0 && mark == '>':
		case len(after) > 0 && bytes.IndexByte(space, after[0]) < 0:
			return depth, line
		case n > 0 && (mark == '.' || mark == ')'):
		case n == 0 && (mark == '-' || mark == '*' || mark == '+'):
		default:
			return depth, line
		}
		line = after
		depth++
	}
}

var space = []byte(" \t\r\n")

// isItem reports a line that ends the paragraph before it as a list's item,
// whatever that was.
func isItem(line []byte) bool {
	trimmed := bytes.TrimLeft(line, " ")
	return len(line)-len(trimmed) < 4 && len(trimmed) > 2 && strings.IndexByte("-*+", trimmed[0]) >= 0 &&
		trimmed[1] == ' ' && len(bytes.TrimSpace(trimmed[2:])) > 0
}
