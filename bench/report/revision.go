//go:build linux

package report

// This file names the commit that was measured. It exists because a program built
// with -buildvcs=false, or by go run, does not know its own.

import (
	"os/exec"
	"runtime/debug"
	"strings"
)

// Revision is the commit that this program was built from, with "-dirty" if there
// were changes; or that of the repository of this module that it runs in; or empty.
func Revision() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	settings := map[string]string{}
	for _, setting := range build.Settings {
		settings[setting.Key] = setting.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		return dirty(revision, settings["vcs.modified"] == "true")
	}
	return Checkout(build.Main.Path)
}

// Checkout is the commit of the module's repository if the working directory is
// in one, else empty. Results that were written into it are no change.
func Checkout(module string) string {
	if said, err := command("go", "list", "-m"); err != nil || said != module {
		return ""
	}
	revision, err := command("git", "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	changes, err := command("git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)bench/results")
	return dirty(revision, err != nil || changes != "")
}

func dirty(revision string, changed bool) string {
	if changed {
		return revision + "-dirty"
	}
	return revision
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	return strings.TrimSpace(string(out)), err
}
