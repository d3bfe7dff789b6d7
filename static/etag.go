package static

// Which entity tag a version of a file gets. Sections are those of RFC 9110.

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"fullbore/static/accept"
	"fullbore/static/source"
)

// The rules of Config.ETag.
const (
	ETagAuto    = "auto"    // size and time; where the time says nothing, inode and time of change, too
	ETagInode   = "inode"   // as auto, always with the inode: another tag for every copy
	ETagSeconds = "seconds" // as auto, but with the time in seconds and in nginx's form
	ETagWeak    = "weak"    // as auto, always weak: for caches, not for resuming
	ETagOff     = "off"     // none
)

// CheckETag is the error of a rule that is none of the above.
func CheckETag(rule string) error {
	switch rule {
	case ETagAuto, ETagInode, ETagSeconds, ETagWeak, ETagOff:
		return nil
	}
	return fmt.Errorf("%q: want %s, %s, %s, %s or %s", rule, ETagAuto, ETagInode, ETagSeconds, ETagWeak, ETagOff)
}

// Two writes may leave the same modification time if they are closer than the
// resolution of the clock: the kernel's tick, at least 100 per second, or the 2 s of
// a file system that keeps only whole seconds.
const (
	tick       = 20 * time.Millisecond
	coarseTick = 2 * time.Second
)

// validatorsOf derives the validators from an open file. changed is when anything about
// the file last changed (ctime), which nobody can set; zero if unknown.
//
// A copy that has its times (cp -p, rsync -a) gets the same strong tag on every server,
// made of size and modification time. Two kinds of time do not tell versions apart:
//
//   - One so recent that a second write could still leave the same. Until it is not,
//     the tag is weak: section 8.8.1.
//   - A placeholder, or one in the future. Then the tag has the inode and the time of
//     change as well, so that it differs between servers, and there is no Last-Modified.
//     If the time of change is unknown, there is no tag either.
//
// A source that has a name for the version knows better.
func validatorsOf(rule string, info source.Info, changed, now time.Time) (v validators) {
	mod, inode := info.ModTime, int64(info.Inode) //nolint:gosec // only its digits matter
	dated := !placeholder(mod) && !mod.After(now)
	if dated {
		v.modTime = mod
	}
	weak := rule == ETagWeak
	switch {
	case rule == ETagOff:
	case info.Version != "":
		v.etag = quotedTag(weak, url.PathEscape(info.Version))
	case !dated && changed.IsZero():
	case !dated:
		v.etag = entityTag(weak || recent(changed, now), info.Size, mod.UnixNano(), inode, changed.UnixNano())
	case rule == ETagInode:
		v.etag = entityTag(recent(mod, now), info.Size, mod.UnixNano(), inode)
	case rule == ETagSeconds:
		v.etag = entityTag(recent(mod.Truncate(time.Second), now), mod.Unix(), info.Size)
	default:
		v.etag = entityTag(weak || recent(mod, now), info.Size, mod.UnixNano())
	}
	return v
}

// recent reports whether what happened at t could happen again and leave the same t.
func recent(t, now time.Time) bool {
	resolution := tick
	if t.Nanosecond() == 0 {
		resolution = coarseTick
	}
	return now.Sub(t) < resolution
}

// placeholder reports whether tools write a time in place of the true one: 0 (OSTree), 1
// (Nix), the start of 1980 in any zone (zip archives), and what npm and Bazel give to all
// files. Nothing honest is older than 1981.
func placeholder(t time.Time) bool {
	const startOf1981, npm, bazel = 347_155_200, 499_162_500, 946_684_800
	seconds := t.Unix()
	return seconds < startOf1981 || (seconds == npm || seconds == bazel) && t.Nanosecond() == 0
}

// entityTag writes numbers as an entity tag.
func entityTag(weak bool, numbers ...int64) string {
	opaque := make([]byte, 0, 4*17)
	for i, n := range numbers {
		if i > 0 {
			opaque = append(opaque, '-')
		}
		opaque = strconv.AppendUint(opaque, uint64(n), 16) //nolint:gosec // likewise
	}
	return quotedTag(weak, string(opaque))
}

// quotedTag writes an entity tag: section 8.8.3.
func quotedTag(weak bool, opaque string) string {
	if weak {
		return `W/"` + opaque + `"`
	}
	return `"` + opaque + `"`
}

// changedAt is when anything about the file last changed; zero if unknown.
func changedAt(f source.File) time.Time {
	if f, ok := f.(source.Stamped); ok {
		return f.Changed()
	}
	return time.Time{}
}

// coded is the tag of a file's precompressed sibling. gzip keeps the time, and the sizes
// could be equal: section 8.8.3.3.
func (v *validators) coded(coding accept.Coding) {
	if v.etag != "" {
		v.etag = v.etag[:len(v.etag)-1] + coding.Suffix() + `"`
	}
}
