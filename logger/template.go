package logger

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// piece is literal text or a tag.
type piece struct {
	text   string
	tag    tag
	custom LogFunc
	param  string
}

// template is text with ${tag}s, compiled once and rendered in two phases: the
// first writes what the request can tell and leaves holes, the second fills them
// after the response.
type template struct {
	pieces []piece
	wire   bool // the length of the response's header is needed
}

// compile parses a template as Fiber's logger does: an unknown tag writes nothing,
// but is an error if it has a parameter; "${" without "}" is text.
func compile(text string, custom map[string]LogFunc) (*template, error) {
	t := &template{}
	for {
		literal, rest, found := strings.Cut(text, "${")
		t.add(piece{text: literal})
		if !found {
			return t, nil
		}
		spec, after, closed := strings.Cut(rest, "}")
		if !closed {
			t.add(piece{text: "${" + rest})
			return t, nil
		}
		p, known := findTag(spec, custom)
		if !known && strings.Contains(spec, ":") {
			return nil, fmt.Errorf("No parameter found in %q", spec) //nolint:staticcheck // the words of Fiber's logger
		}
		if known {
			t.use(spec, p)
		}
		text = after
	}
}

func (t *template) add(p piece) {
	if p.text != "" {
		t.pieces = append(t.pieces, p)
	}
}

func (t *template) use(name string, p piece) {
	t.pieces = append(t.pieces, p)
	t.wire = t.wire || name == TagBytesWire || name == "bytes_wire"
}

// findTag looks up what is between the braces, custom tags first.
func findTag(spec string, custom map[string]LogFunc) (piece, bool) {
	name, param := spec, ""
	if i := strings.IndexByte(spec, ':'); i >= 0 {
		name, param = spec[:i+1], spec[i+1:]
	}
	if f, ok := custom[name]; ok {
		return piece{custom: f, param: param}, true
	}
	f, ok := tags[name]
	return piece{tag: f, param: param}, ok
}

// checkTemplate reports what compile ignores.
func checkTemplate(text string) error {
	if !strings.Contains(text, "${") {
		return fmt.Errorf("%q is neither json, combined, common or console nor a template with a ${tag}", text)
	}
	for {
		_, rest, found := strings.Cut(text, "${")
		if !found {
			return nil
		}
		spec, after, closed := strings.Cut(rest, "}")
		if !closed {
			return fmt.Errorf("${%s has no closing }", rest)
		}
		if _, known := findTag(spec, nil); !known || strings.HasSuffix(spec, ":") {
			return fmt.Errorf("no tag ${%s}; there are %s", spec, strings.Join(Tags(), " "))
		}
		text = after
	}
}

// Tags lists the tags that a template may use, sorted. One that ends in a
// colon takes a parameter.
func Tags() []string { return slices.Sorted(maps.Keys(tags)) }

// renderEarly renders the first phase.
func (t *template) renderEarly(v *visit, c *fiber.Ctx, err error) {
	r := v.record
	line, holes := v.line[:0], r.holes[:0]
	for i := range t.pieces {
		switch p := &t.pieces[i]; {
		case p.custom != nil:
			line = renderCustom(line, p, v, c, err)
		case p.tag.late != nil:
			holes = append(holes, int32(len(line)))
		case p.tag.early != nil:
			line = p.tag.early(line, v, c, p.param)
		default:
			line = append(line, p.text...)
		}
	}
	v.line, r.early, r.holes = line, line, holes
}

// renderLate appends the whole line, with the holes filled.
func (t *template) renderLate(line []byte, r *record) []byte {
	from, hole := int32(0), 0
	for i := range t.pieces {
		late := t.pieces[i].tag.late
		if late == nil {
			continue
		}
		line = append(line, r.early[from:r.holes[hole]]...)
		from = r.holes[hole]
		hole++
		line = late(line, r)
	}
	return append(line, r.early[from:]...)
}

// datas are lent to custom tags, which must not keep them.
var datas = sync.Pool{New: func() any { return &Data{} }}

// renderCustom calls a custom tag. Its error or panic is logged in its place: a log
// must not fail requests. The tag gets a buffer of its own, since Buffer.Set could
// wipe the line.
func renderCustom(line []byte, p *piece, v *visit, c *fiber.Ctx, err error) (longer []byte) {
	if c == nil {
		return line
	}
	l, r := v.log, v.record
	value := l.lines.Get()
	defer func() {
		if cause := recover(); cause != nil {
			longer = safe(line, l, fmt.Sprintf("panic: %v", cause))
			return
		}
		l.lines.Put(value)
	}()
	d := datas.Get().(*Data) //nolint:forcetypeassert // the pool holds nothing else
	d.Pid, d.ErrPaddingStr, d.ChainErr, d.Start, d.Stop = l.pid, r.facts.errPadding, err, r.Start, r.Ready
	d.Timestamp.Store(l.clock.now().boxed)
	if _, err := p.custom(value, c, d, p.param); err != nil {
		value.B = appendSafe(value.B, err.Error())
	}
	d.ChainErr = nil
	datas.Put(d)
	return append(line, value.B...)
}
