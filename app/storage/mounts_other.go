//go:build !linux

package storage

// changes is what cannot be told portably: there is one mount, which may be remote.
type changes struct{}

func (changes) begin()    {}
func (changes) end()      {}
func (changes) any() bool { return false }

func (changes) mounts(root string) []mountPoint {
	return []mountPoint{{id: mountID{path: root}, path: root, isRoot: true, remote: true}}
}
