package storage

import (
	"os"
	"strings"
	"testing"
)

func TestMountsOf(t *testing.T) {
	const mountinfo = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /srv rw shared:2 master:1 - xfs /dev/sda2 rw
31 30 0:40 / /srv/files/nas rw - nfs4 nas:/export rw
32 31 0:41 / /srv/files/nas/deep\040one rw - fuse.sshfs host: rw
33 30 0:42 / /srv/filesystem rw - tmpfs none rw
34 30 0:43 / /srv/files/nas rw - tmpfs none rw
not a line
`
	for root, want := range map[string]string{
		"/srv/files":              "30 /srv/files false;32 /srv/files/nas/deep one true;34 /srv/files/nas false;",
		"/srv/filesystem":         "33 /srv/filesystem false;",
		"/srv/files/nas/file.iso": "34 /srv/files/nas/file.iso false;",
		"/etc":                    "22 /etc false;",
		"/srv/files/nas/deep one": "32 /srv/files/nas/deep one true;",
	} {
		got := ""
		for i, m := range mountsOf(root, []byte(mountinfo)) {
			got += m.id.id + " " + m.path + map[bool]string{true: " true;", false: " false;"}[m.remote]
			if m.isRoot != (i == 0) {
				t.Errorf("%s: %+v", root, m)
			}
		}
		if got != want {
			t.Errorf("%s: %s\nwant %s", root, got, want)
		}
	}
	if all := mountsOf("/", []byte(mountinfo)); len(all) != 5 || !all[0].isRoot || all[1].path != "/srv/files/nas/deep one" {
		t.Errorf("of everything: %+v", all)
	}
	if unknown := mountsOf("/srv", nil); len(unknown) != 1 || !unknown[0].remote {
		t.Errorf("without /proc: %+v", unknown)
	}
}

// What the kernel of this machine tells can be read.
func TestMountsOfThisMachine(t *testing.T) {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(content)) {
		if id, point, kind, ok := parseMount(line); !ok || id == "" || !strings.HasPrefix(point, "/") || kind == "" {
			t.Errorf("%q: %q %q %q", line, id, point, kind)
		}
	}
	if all := mountsOf(t.TempDir(), content); all[0].id.id == "" {
		t.Errorf("%+v", all)
	}
}

func TestNamesBelongToTheirMounts(t *testing.T) {
	root, nas, deep := &mount{}, &mount{}, &mount{}
	all := &table{root: root, below: []below{{"nas/deep", deep}, {"nas", nas}}}
	for name, want := range map[string]*mount{
		".": root, "file": root, "nasa": root, "nas": nas, "nas/file": nas, "nas/deeper": nas, "nas/deep": deep, "nas/deep/x/y": deep,
	} {
		if all.of(name) != want {
			t.Errorf("%s is on another mount", name)
		}
	}
}
