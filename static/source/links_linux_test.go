package source

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestAfterRoot(t *testing.T) {
	for _, test := range []struct {
		root, text, want string
		ok               bool
	}{
		{"/srv/data", "/srv/data/x", "x", true},
		{"/srv/data", "/srv/data", ".", true},
		{"/srv/data", "/srv/data/", ".", true},
		{"/srv/data", "//srv/./data//x/y", "x/y", true},
		{"/srv/data", "/srv/data/x/../y", "x/../y", true}, // x may be a link
		{"/srv/data", "/srv/data/../data/x", "x", true},
		{"/srv/data", "/../srv/data/x", "x", true},
		{"/srv/data", "/srv/data/../../srv/data/../data/x", "x", true},
		{"/srv/data", "/srv/data/..", "", false},
		{"/srv/data", "/srv/data/../x", "", false},
		{"/srv/data", "/srv/data_evil/x", "", false},
		{"/srv/data", "/srv/dat", "", false},
		{"/srv/data", "/srv", "", false},
		{"/srv/data", "/", "", false},
		{"/srv/data", "/etc/../srv/data/x", "", false}, // /etc may be a link
		{"/srv/data", "/srv/data/../evil/../data/x", "", false},
		{"/", "/etc/passwd", "etc/passwd", true},
		{"/", "/../..", ".", true},
		{"", "/etc/passwd", "", false},
	} {
		got, ok := afterRoot(test.root, test.text)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s in %s: %q, %v, want %q, %v", test.text, test.root, got, ok, test.want, test.ok)
		}
	}
}

func FuzzAfterRoot(f *testing.F) {
	f.Add("/srv/data", "/srv/data/../data/x")
	f.Fuzz(func(t *testing.T, root, text string) {
		if root != path.Clean(root) || !path.IsAbs(root) || !path.IsAbs(text) {
			return
		}
		if rest, ok := afterRoot(root, text); ok && path.Clean(root+"/"+rest) != path.Clean(text) {
			t.Errorf("%q in %q: %q", text, root, rest)
		}
	})
}

// Trees of links at random: what is opened is what the kernel finds by the same path, and
// never outside.
func TestLinksLeadWhereTheKernelSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in every run
	opened, refused := 0, 0
	for range 50 {
		dir, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		root := filepath.Join(dir, "root")
		names := plantLinks(t, random, dir, root)
		for _, portable := range []bool{false, true} {
			d := open(t, root, false)
			if portable {
				if err := d.Portable(); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range names {
				f, _, err := d.Open(name, MayWait)
				target, evalErr := filepath.EvalSymlinks(filepath.Join(root, name))
				inside := evalErr == nil && (target == root || strings.HasPrefix(target, root+"/"))
				if err != nil {
					refused++
					if inside || !errors.Is(err, fs.ErrNotExist) && evalErr == nil {
						t.Errorf("%s leads to %s, and is refused: %v", name, target, err)
					}
					continue
				}
				opened++
				is, statErr := f.(*file).osFile().Stat()
				want, wantErr := os.Stat(target)
				if !inside || statErr != nil || wantErr != nil || !os.SameFile(is, want) {
					t.Errorf("%s leads to %s (%v), and something else is opened", name, target, evalErr)
				}
			}
		}
	}
	if opened < 500 || refused < 500 {
		t.Errorf("only %d opened and %d refused", opened, refused)
	}
}

// plantLinks makes a root with files, folders and links, and gives names to ask for.
func plantLinks(t *testing.T, random *rand.Rand, dir, root string) (names []string) {
	t.Helper()
	for _, name := range []string{"root/a/f", "root/a/b/f", "root/f", "root_evil/f", "f"} {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	for i := range 14 {
		var parts []string
		for range random.IntN(4) {
			parts = append(parts, pick("a", "b", "f", "..", ".", fmt.Sprint("l", random.IntN(14))))
		}
		text := strings.Join(parts, pick("/", "//"))
		switch random.IntN(5) {
		case 0, 1:
			text = root + pick("/", "//", "/./") + text
		case 2:
			text = dir + pick("/f", "/root_evil/f", "/root_evil", "") // outside for good
		}
		if text == "" {
			text = "."
		}
		folder := pick("", "a", "a/b")
		if err := os.Symlink(text, filepath.Join(root, folder, fmt.Sprint("l", i))); err != nil {
			t.Fatal(err)
		}
		names = append(names, path.Join(folder, fmt.Sprint("l", i)), path.Join(folder, fmt.Sprint("l", i), pick("f", "a/f", "b", "l1", "l2/f")))
	}
	return names
}

// A root is often opened by a link to it, and links in it are made by either name.
func TestAbsoluteLinksByTheNameOfALinkedRoot(t *testing.T) {
	root := tree(t)
	current := filepath.Join(filepath.Dir(root), "current")
	for _, err := range []error{
		os.Symlink(root, current),
		os.Symlink(filepath.Join(root, "f"), filepath.Join(root, "real")),
		os.Symlink(filepath.Join(current, "f"), filepath.Join(root, "named")),
		os.Symlink(filepath.Join(current, "../secret"), filepath.Join(root, "up")),
		os.Symlink(current+"/../secret", filepath.Join(root, "dots")),
		os.Symlink(current, filepath.Join(root, "itself")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, current, false)
	for range 2 {
		for name, want := range map[string]string{"real": "content", "named": "content", "up": "", "dots": "", "itself/named": "content", "itself/itself/link": "content", "itself/out": ""} {
			got, err := opened(d, name, MayWait)
			if got != want || (want == "") != errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %q, %v, want %q", name, got, err, want)
			}
			// An event loop is told to have it done elsewhere, or gets the same.
			if got, err := opened(d, name, NoWait); got != want && err != ErrWouldBlock { //nolint:errorlint // bare
				t.Errorf("%s at once: %q, %v, want %q", name, got, err, want)
			}
		}
		if err := d.Portable(); err != nil {
			t.Fatal(err)
		}
	}
}
