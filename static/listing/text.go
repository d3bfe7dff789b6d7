package listing

import "fmt"

// textBody has one name per line.
func textBody(p page) *body {
	b := ofRows(p.rows, func(dst []byte, r row, _ int) []byte {
		dst = appendLine(dst, r.name)
		if r.isFolder {
			dst = append(dst, '/')
		}
		return append(dst, '\n')
	})
	if p.refused {
		b.after = append(b.after, fmt.Appendf(nil, "# sorted by name: more names than can be sorted by %s\n", p.asked))
	}
	if p.pages > 1 {
		note := fmt.Appendf(nil, "# %s names", p.span())
		if next := p.nextHref(); next != "" {
			note = fmt.Appendf(note, ", next: %s", next)
		}
		b.after = append(b.after, append(note, '\n'))
	}
	return b
}

// urlsBody has one link per line, and the link to the next page at the end.
func urlsBody(p page) *body {
	b := ofRows(p.rows, func(dst []byte, r row, _ int) []byte {
		return append(appendHref(dst, r.name, r.isFolder), '\n')
	})
	if next := p.nextHref(); next != "" {
		b.after = append(b.after, []byte(next+"\n"))
	}
	return b
}
