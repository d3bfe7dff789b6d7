package storage

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// changes tells of the mounts that the process sees: proc_pid_mountinfo(5). It is a bare
// descriptor: in Go's poller, as an os.File, it would tell the poller and nobody else.
type changes struct{ fd int }

// begin begins to watch, if there is a /proc.
func (c *changes) begin() {
	var err error
	if c.fd, err = unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		c.fd = -1
	}
}

func (c *changes) end() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
	}
}

// any reports whether the mounts are others since the last call.
func (c *changes) any() bool {
	if c.fd < 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLPRI}} //nolint:gosec // a descriptor
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// mounts are the mount that has root, and those below it, the longer paths first. If the
// kernel does not tell, there is one, which may be remote.
func (c *changes) mounts(root string) []mountPoint {
	var all []byte
	part := make([]byte, 16<<10)
	for at := int64(0); c.fd >= 0; {
		n, err := unix.Pread(c.fd, part, at)
		if n <= 0 || err != nil {
			break
		}
		all, at = append(all, part[:n]...), at+int64(n)
	}
	return mountsOf(root, all)
}

// mountsOf reads what mountinfo says.
func mountsOf(root string, mountinfo []byte) []mountPoint {
	of := mountPoint{id: mountID{path: root}, path: root, isRoot: true, remote: true}
	has := ""
	under := map[string]mountPoint{}
	for line := range bytes.Lines(mountinfo) {
		id, point, kind, ok := parseMount(string(line))
		switch {
		case !ok:
		case point == "/" || point == root || strings.HasPrefix(root, point+"/"):
			if len(point) >= len(has) { // a later one lies over those before it
				has, of.id, of.remote = point, mountID{id, root}, isRemote(kind)
			}
		case strings.HasPrefix(point, strings.TrimSuffix(root, "/")+"/"):
			under[point] = mountPoint{id: mountID{id, point}, path: point, remote: isRemote(kind)}
		}
	}
	found := make([]mountPoint, 0, 1+len(under))
	for _, p := range under {
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b mountPoint) int {
		return cmp.Or(len(b.path)-len(a.path), cmp.Compare(a.path, b.path))
	})
	return slices.Insert(found, 0, of)
}

// parseMount takes a line apart: 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw
func parseMount(line string) (id, point, kind string, ok bool) {
	before, after, found := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	kind, _, _ = strings.Cut(after, " ")
	if !found || len(fields) < 5 {
		return "", "", "", false
	}
	return fields[0], unescape(fields[4]), kind, true
}

// unescape gives spaces, tabs, line ends and backslashes back, which are octal there.
func unescape(text string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 || i+4 > len(text) {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
			b.WriteByte(byte(n))
		}
		text = text[i+4:]
	}
}

// isRemote reports whether a type of file system is answered for by another machine or
// process: it may never answer.
func isRemote(kind string) bool {
	kind, _, _ = strings.Cut(kind, ".") // fuse.sshfs
	return slices.Contains([]string{
		"fuse", "fuseblk", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "coda",
		"lustre", //nolint:misspell // its name
		"gfs2", "ocfs2", "autofs", "beegfs", "gpfs", "orangefs",
	}, kind)
}
