package logger

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// step is a piece of the line: literal text, and a tag behind it.
type step struct {
	text   string
	early  early // nil: late, custom, or no tag
	late   late  // the next of template.lates
	custom LogFunc
	param  string
}

// template is text with ${tag}s, compiled once and rendered in two phases: the
// first writes what the request can tell and leaves holes, the second fills them
// after the response. Each phase walks over no more than it needs: its data is cold
// when a request comes.
type template struct {
	steps []step
	lates []late
	wire  bool // the length of the response's header is needed
	bare  bool // no tag needs a *fiber.Ctx
}

// compile parses a template as Fiber's logger does: an unknown tag writes nothing,
// but is an error if it has a parameter; "${" without "}" is text.
func compile(text string, custom map[string]LogFunc) (*template, error) {
	t := &template{}
	for {
		literal, rest, found := strings.Cut(text, "${")
		t.add(literal)
		if !found {
			return t, nil
		}
		spec, after, closed := strings.Cut(rest, "}")
		if !closed {
			t.add("${" + rest)
			return t, nil
		}
		u, known := findTag(spec, custom)
		if !known && strings.Contains(spec, ":") {
			return nil, fmt.Errorf("No parameter found in %q", spec) //nolint:staticcheck // the words of Fiber's logger
		}
		if known {
			t.use(spec, u)
		}
		text = after
	}
}

// add adds literal text.
func (t *template) add(text string) {
	if text != "" {
		t.last().text += text
	}
}

// last is a step without a tag, the last one.
func (t *template) last() *step {
	if n := len(t.steps); n > 0 {
		if s := &t.steps[n-1]; s.early == nil && s.late == nil && s.custom == nil {
			return s
		}
	}
	t.steps = append(t.steps, step{})
	return &t.steps[len(t.steps)-1]
}

// use adds a tag.
func (t *template) use(name string, u usage) {
	s := t.last()
	s.early, s.late, s.custom, s.param = u.early, u.late, u.custom, u.param
	if s.late != nil {
		t.lates = append(t.lates, u.late)
	}
	t.wire = t.wire || name == TagBytesWire || name == "bytes_wire"
}

// usage is a tag with its parameter.
type usage struct {
	tag
	custom LogFunc
	param  string
}

// findTag looks up what is between the braces, custom tags first.
func findTag(spec string, custom map[string]LogFunc) (usage, bool) {
	name, param := spec, ""
	if i := strings.IndexByte(spec, ':'); i >= 0 {
		name, param = spec[:i+1], spec[i+1:]
	}
	if f, ok := custom[name]; ok {
		return usage{custom: f, param: param}, true
	}
	f, ok := tags[name]
	return usage{tag: f, param: param}, ok
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
	for i := range t.steps {
		s := &t.steps[i]
		line = append(line, s.text...)
		switch {
		case s.early != nil:
			line = s.early(line, v, c, s.param)
		case s.late != nil:
			holes = append(holes, int32(len(line)))
		case s.custom != nil:
			line = renderCustom(line, s, v, c, err)
		}
	}
	v.line, r.early, r.holes = line, line, holes
}

// renderLate appends the whole line, with the holes filled.
func (t *template) renderLate(line []byte, r *record) []byte {
	from := int32(0)
	for i, hole := range r.holes {
		line = append(line, r.early[from:hole]...)
		from = hole
		line = t.lates[i](line, r)
	}
	return append(line, r.early[from:]...)
}

// renderWhole appends the whole line of a bare template at once, at the end of a
// request that is still alive.
func (t *template) renderWhole(line []byte, v *visit) []byte {
	for i := range t.steps {
		s := &t.steps[i]
		line = append(line, s.text...)
		switch {
		case s.early != nil:
			line = s.early(line, v, nil, s.param)
		case s.late != nil:
			line = s.late(line, v.record)
		}
	}
	return line
}

// datas are lent to custom tags, which must not keep them.
var datas = sync.Pool{New: func() any { return &Data{} }}

// renderCustom calls a custom tag. Its error or panic is logged in its place: a log
// must not fail requests. The tag gets a buffer of its own, since Buffer.Set could
// wipe the line.
func renderCustom(line []byte, s *step, v *visit, c *fiber.Ctx, err error) (longer []byte) {
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
	if _, err := s.custom(value, c, d, s.param); err != nil {
		value.B = appendSafe(value.B, err.Error())
	}
	d.ChainErr = nil
	datas.Put(d)
	return append(line, value.B...)
}
