package logger

// This file is the template: text with ${tag}s, compiled once and rendered in
// two phases. The first one writes what the request can tell and leaves holes;
// the second one, after the response, fills them.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// piece is text to copy, or a tag to ask.
type piece struct {
	text   string
	tag    tag
	custom LogFunc
	param  string
}

type template struct {
	pieces []piece
	holes  bool // there is a second phase
	needs  needs
}

// needs are what costs too much to find out for a format that does not ask.
type needs struct {
	start  bool // when the request began
	ready  bool // when the handlers were done
	end    bool // when the response ended
	ip     bool
	locals bool // user and request ID
	id     bool
}

// everything is what JSON and custom tags may ask.
var everything = needs{true, true, true, true, true, true}

// needsOf are the tags that need something.
var needsOf = map[string]needs{
	TagLatency:   {start: true, end: true},
	TagTTFB:      {start: true, ready: true},
	TagRate:      {ready: true, end: true},
	TagIP:        {ip: true},
	TagUser:      {locals: true},
	TagRequestID: {locals: true},
	TagID:        {id: true},
}

func (n needs) and(m needs) needs {
	return needs{
		n.start || m.start, n.ready || m.ready, n.end || m.end,
		n.ip || m.ip, n.locals || m.locals, n.id || m.id,
	}
}

// compile reads a template as Fiber's logger does: a tag that is not known
// gives nothing, but one that has a parameter is an error; "${" without its
// "}" is text.
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
	t.holes = t.holes || p.tag.late
	if p.custom != nil {
		t.needs = everything
		return
	}
	t.needs = t.needs.and(needsOf[name])
}

// findTag finds what stands between the braces, custom tags first.
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

// checkTemplate finds in a template what compile passes over.
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

// renderEarly is the first phase.
func (t *template) renderEarly(r *record, c *fiber.Ctx, err error) {
	r.holes, r.early.B = r.holes[:0], r.early.B[:0]
	for i := range t.pieces {
		switch p := &t.pieces[i]; {
		case p.custom != nil:
			renderCustom(p, r, c, err)
		case p.tag.late:
			r.holes = append(r.holes, len(r.early.B))
		case p.tag.add != nil:
			r.early.B = p.tag.add(r.early.B, r, c, p.param)
		default:
			r.early.B = append(r.early.B, p.text...)
		}
	}
}

// render is the second phase. The line is put together behind what the first
// one wrote, in the same buffer, and returned.
func (t *template) render(r *record) []byte {
	if !t.holes {
		return r.early.B
	}
	early := r.early.B
	line := early
	from, hole := 0, 0
	for i := range t.pieces {
		p := &t.pieces[i]
		if !p.tag.late {
			continue
		}
		line = append(line, early[from:r.holes[hole]]...)
		from = r.holes[hole]
		hole++
		line = p.tag.add(line, r, nil, p.param)
	}
	line = append(line, early[from:]...)
	r.early.B = line // it may have been moved
	return line[len(early):]
}

// renderCustom asks a custom tag. What goes wrong in it is written in its
// place: a log must not end requests. It gets a buffer of its own, since a
// Buffer can be set back, and the line is not its to set.
func renderCustom(p *piece, r *record, c *fiber.Ctx, err error) {
	if c == nil {
		return
	}
	r.custom.Reset()
	defer func() {
		if cause := recover(); cause != nil {
			r.early.B = safe(r.early.B, r, fmt.Sprintf("panic: %v", cause))
			return
		}
		r.early.B = append(r.early.B, r.custom.B...)
	}()
	d := r.data
	d.Pid, d.ErrPaddingStr, d.ChainErr, d.Start, d.Stop = r.log.pid, r.facts.errPadding, err, r.start, r.readyAt
	d.Timestamp.Store(r.log.clock.now().boxed)
	if _, err := p.custom(&r.custom, c, d, p.param); err != nil {
		r.custom.B = appendSafe(r.custom.B, err.Error())
	}
}
