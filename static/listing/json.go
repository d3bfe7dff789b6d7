package listing

import (
	_ "embed"
	"encoding/json"

	"fullbore/static/reply"
)

// Schema is the JSON Schema (draft 2020-12) of a listing. Within a major
// version members are added, but none is removed or changes its meaning.
//
//go:embed listing.schema.json
var Schema []byte

// folderJSON is all of a listing but the entries, which follow one by one.
type folderJSON struct {
	Path     string `json:"path"`
	Total    int    `json:"total"`
	Page     int    `json:"page"`
	Pages    int    `json:"pages"`
	Limit    int    `json:"limit"`
	Next     string `json:"next,omitempty"`
	Previous string `json:"previous,omitempty"`
	Sort     string `json:"sort"`
	Order    string `json:"order"`
	Refused  string `json:"sort_refused,omitempty"`
	Filter   string `json:"filter,omitempty"`
}

// entryJSON is one entry.
type entryJSON struct {
	Name     string `json:"name"`
	Href     string `json:"href"`
	Type     string `json:"type"`
	Size     *int64 `json:"size,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// jsonBody has one entry per line.
func jsonBody(p page) *body {
	head := folderJSON{
		Path: reply.Printable(p.folder.Path), Total: p.total, Page: p.page, Pages: p.pages, Limit: p.query.limit,
		Next: p.nextHref(), Previous: p.previousHref(),
		Sort: string(p.query.sort), Order: "asc", Filter: p.query.filter,
	}
	if p.query.descending {
		head.Order = "desc"
	}
	if p.refused {
		head.Refused = string(p.asked)
	}
	before := mustJSON(head)
	before = append(before[:len(before)-1], `,"entries":[`...)
	b := ofRows(p.rows, appendEntry)
	b.before, b.after = [][]byte{before}, [][]byte{[]byte("\n]}\n")}
	return b
}

func appendEntry(dst []byte, r row, i int) []byte {
	e := entryJSON{Name: reply.Printable(r.name), Href: string(appendHref(nil, r.name, r.isFolder)), Type: "folder"}
	if !r.isFolder {
		e.Type, e.Size = "file", &r.size
	}
	if writable(r.modified) {
		e.Modified = r.modified.Format("2006-01-02T15:04:05.000000000Z")
	}
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(append(dst, '\n'), mustJSON(e)...)
}

// mustJSON is for structs of text and numbers, which cannot fail.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
