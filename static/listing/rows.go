package listing

// While its client takes it, a page is 26 bytes and the name for each row, in
// two pieces of memory.

import (
	"slices"
	"time"
)

// rows are what a page shows.
type rows struct {
	names []byte // each behind two bytes with its length and folderBit
	list  []packed
}

// packed is a row.
type packed struct {
	size    int64 // bytes
	seconds int64 // Unix time of the last change
	nanos   uint32
	name    uint32 // where it begins in names
}

// row is a row unpacked.
type row struct {
	name     string
	isFolder bool
	size     int64 // bytes
	modified time.Time
}

// newRows is empty and has room for the names in refs.
func newRows(names *arena, refs []ref) rows {
	size := 0
	for _, r := range refs {
		name, _ := names.at(r)
		size += 2 + len(name)
	}
	return rows{names: make([]byte, 0, size), list: make([]packed, 0, len(refs))}
}

func (r *rows) add(name string, e Entry) {
	head := len(name)
	if e.IsFolder {
		head |= folderBit
	}
	r.list = append(r.list, packed{
		size:    e.Size,
		seconds: e.Modified.Unix(),
		nanos:   uint32(e.Modified.Nanosecond()), //nolint:gosec // below 1e9
		name:    uint32(len(r.names)),            //nolint:gosec // at most maxLimit names
	})
	r.names = append(append(r.names, byte(head), byte(head>>8)), name...)
}

func (r *rows) name(p packed) (name []byte, isFolder bool) {
	return unpackName(r.names[p.name:])
}

func (r *rows) at(i int) row {
	p := r.list[i]
	name, isFolder := r.name(p)
	return row{name: string(name), isFolder: isFolder, size: p.size, modified: time.Unix(p.seconds, int64(p.nanos)).UTC()}
}

// sort sorts by name, folders first.
func (r *rows) sort(descending bool) {
	slices.SortFunc(r.list, func(a, b packed) int {
		name, isFolder := r.name(a)
		other, otherIsFolder := r.name(b)
		return compareEntries(name, isFolder, other, otherIsFolder, descending)
	})
}

// weight is in bytes.
func (r *rows) weight() int64 { return int64(cap(r.names) + 24*cap(r.list)) }
