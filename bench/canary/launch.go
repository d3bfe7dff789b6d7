//go:build linux

package canary

// This file starts the two builds, as binaries or as images, on processors apart
// from the client's. It exists so that both are started with the same arguments and
// nothing else needs to know which kind they are.

import (
	"context"

	"fullbore/bench/process"
)

// launch starts a build on the folder.
func launch(ctx context.Context, image bool, what, folder string, cpus []int) (*process.Server, error) {
	args := func(folder string) []string {
		return []string{"serve", folder, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--access-log", "off"}
	}
	if image {
		const inside = "/srv/files"
		return process.LaunchImage(ctx, process.Image{Name: what, Args: args(inside), Folder: folder, At: inside, CPUs: cpus})
	}
	return process.Launch(ctx, process.Command{Path: what, Args: args(folder), CPUs: cpus})
}

// share splits the processors between the servers, which take turns, and the client,
// until unpin is called. A single processor is not split.
func share() (servers []int, unpin func(), err error) {
	all, err := process.Affinity()
	if err != nil || len(all) < 2 {
		return nil, func() {}, err
	}
	unpin = func() { _ = process.PinSelf(all) } // the process is about to end anyway
	half := len(all) / 2
	if err := process.PinSelf(all[half:]); err != nil {
		unpin()
		return nil, nil, err
	}
	return all[:half], unpin, nil
}
