//go:build !unix

package listen

// lockFolder does nothing here.
func lockFolder(string) (unlock func()) { return func() {} }

// closeToOthers does nothing here.
func closeToOthers(uintptr) {}
