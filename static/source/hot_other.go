//go:build !linux

package source

// KeepHot does nothing here: nothing is asked for with NoWait.
func (d *Disk) KeepHot(int64) {}
