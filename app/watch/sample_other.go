//go:build !linux

package watch

// resident is not known without cgo; Go's own figure is taken.
func resident() (all, anonymous int64, known bool) { return 0, 0, false }

// openDescriptors is how many are open; -1: not known.
func openDescriptors() int { return countNames("/dev/fd") }
