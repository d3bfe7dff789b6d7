//go:build unix

package e2e

// A Debian archive behind the server, and apt-get as its client: it asks for
// what is newer, resumes by If-Range with a date, and pipelines its requests.
// Everything that apt keeps is in a temporary folder; the machine does not
// change.

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// archive is a Debian archive in a folder that a server serves.
type archive struct {
	dir  string            // the folder
	sums map[string]string // SHA-256 by the name of the package's file
	size int64             // of the largest package
}

// packages are enough for apt to pipeline; the last one depends on the others.
var packages = []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot"}

// newArchive builds the packages with dpkg-deb and their index with
// dpkg-scanpackages, as somebody with a folder of packages does.
func newArchive(t *testing.T) archive {
	t.Helper()
	needTool(t, "dpkg-deb")
	needTool(t, "dpkg-scanpackages")
	a := archive{dir: t.TempDir(), sums: map[string]string{}}
	pool, dist := filepath.Join(a.dir, "pool"), filepath.Join(a.dir, "dists", "stable")
	binaries := filepath.Join(dist, "main", "binary-amd64")
	for _, folder := range []string{pool, binaries} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range packages {
		a.build(t, pool, name, packages[:i], byte(i))
	}
	content, err := program(t, a.dir, "dpkg-scanpackages", "--multiversion", "pool").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(content); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(binaries, "Packages"), string(content))
	write(t, filepath.Join(binaries, "Packages.gz"), packed.String())
	release := fmt.Sprintf("Origin: test\nSuite: stable\nCodename: stable\nDate: %s\nArchitectures: amd64\nComponents: main\nSHA256:\n",
		time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"))
	for name, content := range map[string][]byte{"Packages": content, "Packages.gz": packed.Bytes()} {
		release += fmt.Sprintf(" %x %d main/binary-amd64/%s\n", sha256.Sum256(content), len(content), name)
		aged(t, filepath.Join(binaries, name), time.Hour)
	}
	write(t, filepath.Join(dist, "Release"), release)
	aged(t, filepath.Join(dist, "Release"), time.Hour)
	return a
}

// build makes a package of noise that depends on others.
func (a *archive) build(t *testing.T, pool, name string, depends []string, seed byte) {
	t.Helper()
	tree := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Join(tree, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	control := "Package: " + name + "\nVersion: 1:2.0+x~1\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: a test\n"
	if len(depends) > 0 {
		control += "Depends: " + strings.Join(depends, ", ") + "\n"
	}
	write(t, filepath.Join(tree, "DEBIAN", "control"), control)
	noise(t, filepath.Join(tree, "noise"), 300<<10, seed)
	// As dpkg names them, with + and ~; the epoch's colon apt writes as %3a.
	file := filepath.Join(pool, name+"_2.0+x~1_all.deb")
	succeed(t, program(t, pool, "dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, file))
	aged(t, file, time.Hour)
	a.sums[filepath.Base(file)] = sha256Of(t, file)
	a.size = max(a.size, sizeOf(file))
}

// apt is an apt-get that knows one archive and nothing of the machine.
type apt struct {
	root     string // of everything that apt keeps
	archives string // where packages go
	options  []string
}

func newApt(t *testing.T, s *server) apt {
	t.Helper()
	a := apt{root: t.TempDir()}
	a.archives = filepath.Join(a.root, "cache", "archives")
	for _, folder := range []string{"state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"} {
		if err := os.MkdirAll(filepath.Join(a.root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(a.root, "status"), "")
	write(t, filepath.Join(a.root, "etc", "sources.list"), "deb [trusted=yes arch=amd64] "+s.url("/")+" stable main\n")
	// Settings of the machine, such as a proxy, must not count; APT_CONFIG is
	// read before the folders of settings are looked at.
	write(t, filepath.Join(a.root, "apt.conf"), fmt.Sprintf("Dir %q;\nDir::Etc %q;\nDir::State %q;\nDir::State::status %q;\nDir::Cache %q;\n",
		"/", a.root+"/etc/", a.root+"/state/", a.root+"/status", a.root+"/cache/"))
	a.options = []string{
		"-q", "-y", "-o", "APT::Sandbox::User=root", "-o", "APT::Architecture=amd64", "-o", "Acquire::Languages=none",
		"-o", "Acquire::Retries=0", "-o", "Acquire::http::Proxy=DIRECT", "-o", "Debug::NoLocking=true",
	}
	return a
}

// get runs apt-get in dir and gives what it printed.
func (a apt) get(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := program(t, dir, "apt-get", append(slices.Clone(a.options), args...)...)
	cmd.Env = append(cmd.Env, "APT_CONFIG="+filepath.Join(a.root, "apt.conf"))
	return succeed(t, cmd)
}

// check compares the packages in a folder to those in the archive. The name
// that apt gives them has the epoch.
func (a archive) check(t *testing.T, dir string) {
	t.Helper()
	for name, sum := range a.sums {
		saved := strings.Replace(name, "_", "_1%3a", 1)
		if got := sha256Of(t, filepath.Join(dir, saved)); got != sum {
			t.Errorf("%s is missing, or another: %q", saved, got)
		}
	}
}

func TestAptUpdatesAndDownloads(t *testing.T) {
	t.Parallel()
	needTool(t, "apt-get")
	archive := newArchive(t)
	s := start(t, archive.dir)
	apt := newApt(t, s)

	apt.get(t, apt.root, "update")
	apt.get(t, apt.root, "update")
	into := t.TempDir()
	apt.get(t, into, append([]string{"download"}, packages...)...)
	archive.check(t, into)
	apt.get(t, apt.root, "install", "--download-only", packages[len(packages)-1])
	archive.check(t, apt.archives)

	records := s.wholeLog()
	for path, want := range map[string][]int{
		"/dists/stable/Release":                       {200, 304},
		"/dists/stable/main/binary-amd64/Packages.gz": {200}, // what Release says of it did not change
	} {
		if got := statusesOf(records, path); !slices.Equal(got, want) {
			t.Errorf("%s was answered with %v, want %v", path, got, want)
		}
	}
	for name := range archive.sums {
		if got := statusesOf(records, "/pool/"+name); !slices.Equal(got, []int{200, 200}) {
			t.Errorf("%s was answered with %v, want 200 twice", name, got)
		}
	}
}

// An index by the name of its hash stays the same while the archive is being updated.
func TestAptUpdatesByHash(t *testing.T) {
	t.Parallel()
	needTool(t, "apt-get")
	archive := newArchive(t)
	dist := filepath.Join(archive.dir, "dists", "stable")
	packed := filepath.Join(dist, "main", "binary-amd64", "Packages.gz")
	sum := sha512.Sum512([]byte(read(t, packed))) // the strongest one is asked for
	byHash := filepath.Join(filepath.Dir(packed), "by-hash", "SHA512", hex.EncodeToString(sum[:]))
	if err := os.Remove(filepath.Join(dist, "Release")); err != nil {
		t.Fatal(err)
	}
	var options []string
	for _, field := range []string{"Suite=stable", "Codename=stable", "Architectures=amd64", "Components=main", "Acquire-By-Hash=yes"} {
		options = append(options, "-o", "APT::FTPArchive::Release::"+field)
	}
	release, err := program(t, dist, "apt-ftparchive", append(options, "release", ".")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dist, "Release"), string(release))
	if err := os.MkdirAll(filepath.Dir(byHash), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(packed, byHash); err != nil { // the name is the next version's
		t.Fatal(err)
	}
	write(t, packed, "the next version, which Release does not know")
	s := start(t, archive.dir)
	apt := newApt(t, s)
	apt.get(t, apt.root, "update")
	into := t.TempDir()
	apt.get(t, into, append([]string{"download"}, packages...)...)
	archive.check(t, into)
	path := strings.TrimPrefix(byHash, archive.dir)
	if got := statusesOf(s.wholeLog(), path); !slices.Equal(got, []int{200}) {
		t.Errorf("%s was answered with %v, want 200", path, got)
	}
}

// apt sends Range and If-Range with the date of the part that it has.
func TestAptResumes(t *testing.T) {
	t.Parallel()
	needTool(t, "apt-get")
	archive := newArchive(t)
	s := start(t, archive.dir)
	apt := newApt(t, s)
	apt.get(t, apt.root, "update")
	want := map[string][]int{}
	content := func(name string) string { return read(t, filepath.Join(archive.dir, "pool", name)) }
	for _, test := range []struct {
		name string
		age  time.Duration // of the part; the file is an hour old
		part func(whole string) string
		want []int
	}{
		{"alpha", time.Hour, func(whole string) string { return whole[:100_000] }, []int{206}},
		{"bravo", 2 * time.Hour, func(string) string { return strings.Repeat("other version", 1000) }, []int{200}},
		{"charlie", time.Hour, func(whole string) string { return whole }, nil},
		{"delta", time.Hour, func(whole string) string { return whole + "too long" }, []int{200}},
	} {
		name := test.name + "_2.0+x~1_all.deb"
		partial := filepath.Join(apt.archives, "partial", strings.Replace(name, "_", "_1%3a", 1))
		write(t, partial, test.part(content(name)))
		info, err := os.Stat(filepath.Join(archive.dir, "pool", name))
		if err != nil {
			t.Fatal(err)
		}
		at := info.ModTime().Add(time.Hour - test.age)
		if err := os.Chtimes(partial, at, at); err != nil {
			t.Fatal(err)
		}
		want["/pool/"+name] = test.want
	}
	apt.get(t, apt.root, "install", "--download-only", packages[len(packages)-1])
	archive.check(t, apt.archives)
	records := s.wholeLog()
	for path, want := range want {
		if got := statusesOf(records, path); !slices.Equal(got, want) {
			t.Errorf("%s was answered with %v, want %v", path, got, want)
		}
	}
}

// statusesOf are the statuses of the answers for one path, sorted.
func statusesOf(records []record, path string) (all []int) {
	for _, r := range records {
		if r.Path == path {
			all = append(all, r.Status)
		}
	}
	slices.Sort(all)
	return all
}
