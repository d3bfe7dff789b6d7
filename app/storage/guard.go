package storage

import (
	"path"
	"strings"
	"sync/atomic"

	"fullbore/static/source"
)

// Guarded is a folder or a file on disk whose mounts are asked only while they answer.
type Guarded struct {
	*source.Disk
	storage *Storage
	root    string
	table   atomic.Pointer[table]
	changes changes // of the mounts
}

// table is the mounts of a root.
type table struct {
	root  *mount
	below []below // those with the longer names first
}

type below struct {
	name string // relative to the root
	*mount
}

// mountID tells mounts apart, also those that had the same place.
type mountID struct {
	id   string
	path string
}

// mountPoint is a mount as the kernel tells of it.
type mountPoint struct {
	id     mountID
	path   string // that of what is served, for the mount that has it
	isRoot bool
	remote bool // another machine or process answers for it, or may
}

// Guard stands before a disk, which it takes over. root is where it is, past links.
func (s *Storage) Guard(disk *source.Disk, root string) *Guarded {
	g := &Guarded{Disk: disk, storage: s, root: root}
	g.changes.begin()
	g.put(g.changes.mounts(root))
	return g
}

// put replaces the table. The first of the mounts is the root's.
func (g *Guarded) put(found []mountPoint) {
	t := &table{root: g.storage.acquire(found[0])}
	for _, p := range found[1:] {
		t.below = append(t.below, below{strings.TrimPrefix(p.path[len(g.root):], "/"), g.storage.acquire(p)})
	}
	if before := g.table.Swap(t); before != nil {
		g.storage.release(before.all())
	}
}

func (t *table) all() []*mount {
	mounts := []*mount{t.root}
	for _, b := range t.below {
		mounts = append(mounts, b.mount)
	}
	return mounts
}

// Follow looks whether other mounts are there by now. It is for one goroutine at a time.
func (g *Guarded) Follow() {
	if g.changes.any() {
		g.put(g.changes.mounts(g.root))
	}
}

// Open opens a file, or says at once that its mount cannot: the error is a *Refusal then.
func (g *Guarded) Open(name string, wait source.Wait) (source.File, source.Info, error) {
	m := g.table.Load().of(name)
	switch {
	case wait == source.MayWait:
		return m.open(g.Disk, name)
	case m.remote: // its owner is asked for each file, and may not answer
		return nil, source.Info{}, source.ErrWouldBlock
	}
	return g.Disk.Open(name, wait)
}

// Enter implements source.Gated.
func (g *Guarded) Enter(name string) (source.Gate, error) {
	m := g.table.Load().of(name)
	if err := m.take(); err != nil {
		return nil, err
	}
	return m, nil
}

// List implements source.Source. What is the top of another mount is looked at only while
// that answers.
func (g *Guarded) List(folder source.File, name string) source.Folder {
	return &listed{g.Disk.List(folder, name), name, g.table.Load()}
}

type listed struct {
	source.Folder
	name  string
	table *table
}

// Look implements source.Folder.
func (l *listed) Look(base string) (source.Info, error) {
	if m := l.table.at(path.Join(l.name, base)); m != nil && m.remote {
		if err := m.glance(); err != nil {
			return source.Info{}, err
		}
	}
	return l.Folder.Look(base)
}

// at is the mount whose top a name is; nil if there is none.
func (t *table) at(name string) *mount {
	for _, b := range t.below {
		if b.name == name {
			return b.mount
		}
	}
	return nil
}

// of is the mount that has a name, if no link leads out of it.
func (t *table) of(name string) *mount {
	for _, b := range t.below {
		if rest, ok := strings.CutPrefix(name, b.name); ok && (rest == "" || rest[0] == '/') {
			return b.mount
		}
	}
	return t.root
}

// Close closes the disk.
func (g *Guarded) Close() error {
	g.changes.end()
	g.storage.release(g.table.Load().all())
	return g.Disk.Close()
}
