package listing

import (
	"cmp"
	"errors"
	"io"
	"math"
	"time"
)

const (
	// batch is how many names are read from a folder at a time.
	batch = 1024

	// sortable is how many names can be sorted by size or time, for which each
	// has to be looked at; defaultLookTime is how long that may take.
	sortable        = 100_000
	defaultLookTime = 2 * time.Second

	// maxArena, in bytes, is what names may take while one is chosen from.
	maxArena = 64 << 20
)

// chosen is what a page shows, as compact as it can be: it waits for slow
// clients.
type chosen struct {
	rows       rows
	first      int    // index of the first row in the sorted order
	page       int    // from 1, brought into range
	pages      int    // that can be asked for
	total      int    // names in the folder that match
	refused    bool   // to sort by size or time: too many names
	readmeName string // of the file to show above; "" if none
	summary    summary
	complete   bool // summary is of the folder, not of the page
	spent      int  // bytes that the names took meanwhile
}

// summary counts what a page, or a folder, has.
type summary struct {
	folders, files int
	bytes          int64 // of files
}

func (s *summary) add(e Entry) {
	if e.IsFolder {
		s.folders++
		return
	}
	s.files++
	s.bytes += max(e.Size, 0)
}

// selection reads names and keeps those that may be on the page.
type selection struct {
	src    Source
	q      query
	filter filter

	names    arena
	refs     []ref
	keep     int // how many of the first may be on the page
	total    int // matching names
	byName   bool
	full     bool   // refs had to be cut to keep
	worst    ref    // the last of refs; only if full
	shrunk   bool   // keep is less than what was asked for
	readme   string // the best name so far; "" if none
	lookTime time.Duration
	name     []byte // scratch
	pause    pause
}

// choose reads a folder and chooses a page.
func (l *Listing) choose(src Source, q query) (chosen, error) {
	s := l.newSelection(src, q, q.page*q.limit)
	if _, err := l.read(s, math.MaxInt); err != nil {
		return chosen{}, err
	}
	return s.choose(), nil
}

// newSelection keeps the first names of a folder, keep of them.
func (l *Listing) newSelection(src Source, q query, keep int) *selection {
	return &selection{src: src, q: q, filter: newFilter(q.filter), keep: keep, byName: q.sort == byName, lookTime: l.lookTime}
}

// read reads until there are enough names that match, or all. Small folders never
// wait for large ones: a request that turns out to read a large one gives up its place.
func (l *Listing) read(s *selection, enough int) (more bool, err error) {
	release, err := l.places.take()
	if err != nil {
		return false, err
	}
	defer func() { release() }()
	more, err = s.readUpTo(batch)
	if err == nil && more {
		release()
		release, err = l.large.take()
		if err != nil {
			release = func() {}
		}
	}
	for more && err == nil && s.total < enough {
		more, err = s.read()
	}
	return more, err
}

// readUpTo reads until there are n names. A source may give fewer at a time.
func (s *selection) readUpTo(n int) (more bool, err error) {
	for seen := 0; seen < n; {
		names, err := s.src.ReadDir(n - seen)
		s.add(names)
		seen += len(names)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// read reads the next names.
func (s *selection) read() (more bool, err error) {
	names, err := s.src.ReadDir(batch)
	s.add(names)
	s.pause.look()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return true, err
}

// add keeps those names that match and may be on the page.
func (s *selection) add(names []Name) {
	for _, n := range names {
		if impossible(n.Name) {
			continue
		}
		if !n.IsFolder && betterReadme(n.Name, s.readme) {
			s.readme = n.Name
		}
		if !s.filter.matches(n.Name) {
			continue
		}
		s.total++
		if s.full && s.isBehind(n) {
			continue
		}
		s.refs = append(s.refs, s.names.add(n.Name, n.IsFolder))
		s.trim()
	}
}

// isBehind reports a name that comes after all that are kept.
func (s *selection) isBehind(n Name) bool {
	worst, isFolder := s.names.at(s.worst)
	s.name = append(s.name[:0], n.Name...)
	return compareEntries(s.name, n.IsFolder, worst, isFolder, s.q.descending) > 0
}

// trim drops the names that cannot be on the page any more when there are many
// of them. So the memory for the first page of a large folder is small.
func (s *selection) trim() {
	if !s.byName {
		if s.total <= sortable && s.names.size <= maxArena {
			return
		}
		s.byName = true
	}
	if s.names.size > maxArena {
		s.keep = min(s.keep, len(s.refs)/2)
		s.shrunk = true
	} else if len(s.refs) < s.keep+max(s.keep/4, 4*batch) {
		return
	}
	partition(s.refs, s.keep, s.compare, &s.pause)
	var kept arena
	for i, r := range s.refs[:s.keep] {
		name, isFolder := s.names.at(r)
		s.refs[i] = kept.add(string(name), isFolder)
		s.pause.tick()
	}
	s.names, s.refs = kept, s.refs[:s.keep]
	s.worst, s.full = s.refs[0], true
	for _, r := range s.refs[1:] {
		if s.compare(r, s.worst) > 0 {
			s.worst = r
		}
		s.pause.tick()
	}
}

func (s *selection) compare(a, b ref) int { return s.names.compare(a, b, s.q.descending) }

// choose is the end of it: what is on the page, looked at.
func (s *selection) choose() chosen {
	c := chosen{readmeName: s.readme, spent: s.names.size}
	entries, all := s.lookedAt(&c)
	if all {
		s.total = len(entries)
	}
	s.pageOf(&c)
	from, to := c.first, min(c.first+s.q.limit, s.total)
	if all {
		pick(entries, from, to, s.compareLooked, &s.pause)
		for i, e := range entries[from:to] {
			s.refs[i] = e.name
		}
		s.refs = s.refs[:to-from]
	} else {
		pick(s.refs, from, to, s.compare, &s.pause)
		s.refs = s.refs[from:to]
	}
	s.fill(&c)
	return c
}

// looked is a name with what it is sorted by.
type looked struct {
	key      int64
	name     ref
	isFolder bool
}

// lookedAt looks at all names to sort them by size or time. It is false if
// that was not asked for or would take too long.
func (s *selection) lookedAt(c *chosen) ([]looked, bool) {
	if s.q.sort == byName {
		return nil, false
	}
	c.refused = true
	if s.byName {
		return nil, false
	}
	deadline := time.Now().Add(s.lookTime)
	entries := make([]looked, 0, len(s.refs))
	var sum summary
	for _, r := range s.refs {
		if s.pause.tick(); time.Now().After(deadline) {
			return nil, false
		}
		name, _ := s.names.at(r)
		e, err := s.src.Stat(string(name))
		if err != nil {
			continue
		}
		sum.add(e)
		l := looked{name: r, isFolder: e.IsFolder}
		switch {
		case s.q.sort == byTime:
			l.key = timeKey(e.Modified)
		case !e.IsFolder:
			l.key = e.Size
		}
		entries = append(entries, l)
	}
	c.refused, c.summary, c.complete = false, sum, true
	return entries, true
}

// timeKey orders times. Those that nanoseconds in 64 bits cannot tell apart,
// before 1678 and after 2262, it takes as equal.
func timeKey(t time.Time) int64 {
	const last = math.MaxInt64/int64(time.Second) - 1
	return min(max(t.Unix(), -last), last)*int64(time.Second) + int64(t.Nanosecond())
}

// compareLooked puts folders first, equals in the order of their names.
func (s *selection) compareLooked(a, b looked) int {
	if a.isFolder != b.isFolder {
		if a.isFolder {
			return -1
		}
		return 1
	}
	order := cmp.Compare(a.key, b.key)
	if s.q.descending {
		order = -order
	}
	if order != 0 {
		return order
	}
	name, _ := s.names.at(a.name)
	other, _ := s.names.at(b.name)
	return compareNames(name, other)
}

// pageOf brings the page into range.
func (s *selection) pageOf(c *chosen) {
	c.total = s.total
	limit := s.q.limit
	c.pages = max((min(s.total, reach)+limit-1)/limit, 1)
	if s.total > reach {
		c.pages = reach / limit
	}
	if s.shrunk {
		c.pages = max(min(c.pages, s.keep/limit), 1)
	}
	c.page = min(s.q.page, c.pages)
	c.first = (c.page - 1) * limit
}

// fill looks at the names of the page. One that is gone is left out.
func (s *selection) fill(c *chosen) {
	c.rows = newRows(&s.names, s.refs)
	var sum summary
	linked := false
	for _, r := range s.refs {
		s.pause.tick()
		name, isFolder := s.names.at(r)
		text := string(name)
		e, err := s.src.Stat(text)
		if err != nil {
			continue
		}
		c.rows.add(text, e)
		sum.add(e)
		linked = linked || e.IsFolder != isFolder
	}
	if linked && !c.complete {
		// Reading a folder does not tell that a link leads to a folder.
		c.rows.sort(s.q.descending)
	}
	if c.pages == 1 {
		c.total = len(c.rows.list)
	}
	if !c.complete {
		c.summary, c.complete = sum, c.pages == 1
	}
}
