package source

// Links that openat2(2) with RESOLVE_BENEATH and os.Root refuse although their target lies
// below the root: absolute ones, and relative ones that leave the root and come back.
//
// RESOLVE_IN_ROOT is no way: it takes /srv/data/x for /srv/data/srv/data/x. Following a link
// from outside is none either, since a part of the path may be exchanged meanwhile. So the
// path is taken apart, each link is read below the root, and its text replaces it. What
// comes out is opened below the root again: whatever was exchanged in between, nothing else
// can be reached.

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	// maxLinks is how many links a path may have, as for Linux: path_resolution(7).
	maxLinks = 40

	// linkRetries is how often links that are exchanged meanwhile are read again.
	linkRetries = 8
)

// errNoLink is given by links.read.
var errNoLink = errors.New("not a link")

// links resolves links below a root.
type links struct {
	real  string // the root's absolute path without links
	named string // the one that it was opened by
	read  func(name string) (string, error)
}

// namesOf are the absolute paths of a folder: by which it is opened, and without links.
func namesOf(folder string) (named, resolved string, err error) {
	if named, err = filepath.Abs(folder); err != nil {
		return "", "", err
	}
	resolved, err = filepath.EvalSymlinks(named)
	return filepath.ToSlash(named), filepath.ToSlash(resolved), err
}

// follow calls open with a name that has no links. It is called for one that open has
// refused with errEscapes.
func (l *links) follow(name string, open func(name string) error) error {
	for range linkRetries {
		resolved, err := l.resolve(name)
		if err == nil {
			err = open(resolved)
		}
		if err != errEscapes || resolved == "" { //nolint:errorlint // bare
			return err
		}
	}
	return errEscapes
}

// resolve is a name without links that leads to the same file; "" with an error.
func (l *links) resolve(name string) (string, error) {
	at, found := "", 0
	for rest := name; rest != ""; {
		element, after, more := strings.Cut(rest, "/")
		if more && after == "" {
			after = "." // what a slash follows is a folder
		}
		text, err := l.step(at, element)
		switch {
		case err == errNoLink: //nolint:errorlint // bare
			if at = path.Join(at, element); at == "." {
				at = ""
			}
			rest = after
			continue
		case err != nil:
			return "", err
		case found == maxLinks:
			return "", syscall.ELOOP
		}
		found++
		rest = filepath.ToSlash(text)
		if more {
			rest += "/" + after
		}
		if path.IsAbs(rest) || filepath.IsAbs(text) {
			var ok bool
			if rest, ok = l.below(rest); !ok {
				return "", errEscapes
			}
			at = ""
		}
	}
	return cmp.Or(at, "."), nil
}

// step is the text of the link that an element is in a folder without links; errNoLink if
// it leads to another such folder, or to a file.
func (l *links) step(at, element string) (string, error) {
	switch element {
	case "..":
		if at == "" { // as if a link led there, so that it is looked at whether it comes back
			return path.Join(l.real, ".."), nil
		}
		return l.read(at + "/.") // only of a folder there is a folder above
	case "", ".":
		if at == "" {
			return "", errNoLink
		}
		return l.read(at + "/.")
	}
	return l.read(path.Join(at, element))
}

// readlinkBelow is the text of a link below root; errNoLink if it is none.
func readlinkBelow(root *os.Root, name string) (string, error) {
	info, err := root.Lstat(name)
	switch {
	case err != nil:
		return "", escapes(cause(err))
	case info.Mode()&fs.ModeSymlink == 0:
		return "", errNoLink
	}
	text, err := root.Readlink(name)
	if err != nil {
		return "", escapes(cause(err))
	}
	return text, nil
}

// below is what follows the root's path in an absolute one. The path that the root was
// opened by may have links, so that ".." in it is not understood.
func (l *links) below(text string) (string, bool) {
	if rest, ok := afterRoot(l.real, text); ok {
		return rest, true
	}
	if text == l.named {
		return ".", true
	}
	return strings.CutPrefix(text, l.named+"/")
}

// afterRoot is the part of an absolute path that is below root, both without links so far.
// It knows nothing but root's own folders: a path through others leads outside.
func afterRoot(root, text string) (string, bool) {
	if root == "" {
		return "", false
	}
	folders := strings.FieldsFunc(root, func(r rune) bool { return r == '/' })
	depth := 0
	for more := true; more; {
		whole := text
		var element string
		element, text, more = strings.Cut(text, "/")
		switch {
		case element == "", element == ".":
		case element == "..":
			depth = max(depth-1, 0)
		case depth == len(folders):
			return whole, true
		case element != folders[depth]:
			return "", false
		default:
			depth++
		}
	}
	return ".", depth == len(folders)
}
