//go:build linux

package e2e

// Files that change in every way while they are asked for: whatever the server
// keeps of them, no answer is older than the file was when it was asked for, and
// none has parts of two versions, unless the file itself had them at that moment.

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tortureEnv says how long the torture lasts, as in "60s".
const tortureEnv = "FULLBORE_TORTURE"

func TestChangingFilesAreNeverStale(t *testing.T) {
	lasts := 5 * time.Second // files are kept from 2 s after their last change on
	if given, err := time.ParseDuration(os.Getenv(tortureEnv)); err == nil {
		lasts = given
	}
	for _, engine := range []string{"auto", "goroutines"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			s := start(t, "--engine", engine, "--access-log", "off", root)
			var subjects []*subject
			for i, size := range []int{48, 3 << 10, 12 << 10, 16 << 10, 40 << 10, 64 << 10, 300 << 10} {
				for kind := range tortures {
					subjects = append(subjects, newSubject(t, root, fmt.Sprintf("%d-%d.bin", i, kind), size, kind))
				}
			}
			torture(t, s, subjects, time.Now().Add(lasts))
		})
	}
}

func torture(t *testing.T, s *server, subjects []*subject, until time.Time) {
	var all sync.WaitGroup
	for _, f := range subjects {
		all.Add(1)
		go func() {
			defer all.Done()
			f.change(t, until)
		}()
	}
	var answers, torn, broken, kept atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}}
	defer client.CloseIdleConnections()
	for range 32 {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Now().Before(until) && !t.Failed() {
				f := subjects[rand.IntN(len(subjects))]
				switch verdict, err := f.ask(client, s.addr); {
				case err != nil:
					t.Errorf("%s: %v", f.name, err)
				case verdict == tornAnswer:
					torn.Add(1)
				case verdict == noAnswer:
					broken.Add(1)
				case verdict == restingAnswer:
					kept.Add(1)
					fallthrough
				default:
					answers.Add(1)
				}
			}
		}()
	}
	all.Wait()
	t.Logf("%d whole answers, %d of them of files at rest; while a file was being written to: %d with both versions, as it had itself, and %d broken off",
		answers.Load(), kept.Load(), torn.Load(), broken.Load())
	if kept.Load() == 0 {
		t.Error("no file came to rest")
	}
}

// subject is a file that changes. Version v of it says so every 16 bytes.
type subject struct {
	name string // as it is asked for
	path string
	kind int
	size int

	begun, done atomic.Int64 // versions
	inPlace     atomic.Int64 // times two, and one while the file itself is between two versions
	changed     atomic.Int64 // when, in Unix nanoseconds
}

// The ways in which a file changes.
const (
	byRename = iota
	inPlace
	inPlaceBackdated // and then has the time of modification that it had before
	truncated        // and written anew
	appended
	linkSwapped
	clockwise // renamed, with times of modification a second apart
	tortures
)

const lineSize = 16

// content is version v; each is of another size if the kind allows that.
func (f *subject) content(v int64) []byte {
	size := f.size
	switch f.kind {
	case byRename, truncated, linkSwapped:
		size += int(v%7) * lineSize
	case appended:
		size += int(v%50) * lineSize
	}
	const hex = "0123456789abcdef"
	b := make([]byte, size)
	line := fmt.Appendf(nil, "%08x%07x\n", f.marked(v), 0)
	for i := range size / lineSize {
		for digit := range 7 {
			line[14-digit] = hex[i>>(4*digit)&15]
		}
		copy(b[i*lineSize:], line)
	}
	return b
}

// marked is what stands for version v. What is only appended to stays the same
// for 50 versions.
func (f *subject) marked(v int64) int64 {
	if f.kind == appended {
		return v / 50
	}
	return v
}

func newSubject(t *testing.T, root, name string, size, kind int) *subject {
	f := &subject{name: name, path: filepath.Join(root, name), kind: kind, size: size / lineSize * lineSize}
	f.changed.Store(time.Now().UnixNano())
	f.begun.Store(-1)
	f.done.Store(-1)
	if err := f.next(); err != nil {
		t.Fatal(err)
	}
	return f
}

// change makes one version after the other: several at once, and then none for
// long enough that the file is kept.
func (f *subject) change(t *testing.T, until time.Time) {
	for time.Now().Before(until) {
		for range rand.IntN(20) + 1 {
			if err := f.next(); err != nil {
				t.Errorf("%s: %v", f.name, err)
				return
			}
			time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		}
		time.Sleep(2200*time.Millisecond + time.Duration(rand.IntN(1000))*time.Millisecond)
	}
}

// next makes the next version.
func (f *subject) next() error {
	v := f.begun.Add(1)
	f.changed.Store(time.Now().UnixNano())
	err := f.write(v)
	f.changed.Store(time.Now().UnixNano())
	f.done.Store(v)
	return err
}

func (f *subject) write(v int64) error {
	content := f.content(v)
	aside := fmt.Sprintf("%s.%d.next", f.path, v)
	switch {
	case f.kind == linkSwapped:
		target := fmt.Sprintf("%s.%d", f.path, v%2)
		if err := os.WriteFile(aside, content, 0o600); err != nil {
			return err
		}
		if err := os.Rename(aside, target); err != nil {
			return err
		}
		if err := os.Symlink(filepath.Base(target), aside); err != nil {
			return err
		}
		return os.Rename(aside, f.path)
	case f.kind == byRename, f.kind == clockwise, v == 0, f.kind == appended && v%50 == 0:
		if err := os.WriteFile(aside, content, 0o600); err != nil {
			return err
		}
		if f.kind == clockwise {
			at := time.Unix(1_700_000_000+v, 0)
			if err := os.Chtimes(aside, at, at); err != nil {
				return err
			}
		}
		return os.Rename(aside, f.path)
	}
	before, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	f.inPlace.Add(1)
	defer f.inPlace.Add(1)
	flags := os.O_WRONLY
	switch f.kind {
	case truncated:
		flags |= os.O_TRUNC
	case appended:
		flags |= os.O_APPEND
		content = content[before.Size():]
	}
	file, err := os.OpenFile(f.path, flags, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if f.kind == inPlaceBackdated {
		return os.Chtimes(f.path, before.ModTime(), before.ModTime())
	}
	return nil
}

// What an answer can be, if it is not wrong.
type verdict int

const (
	wholeAnswer   verdict = iota
	restingAnswer         // of a file that was not changed for 2 s
	tornAnswer            // while the file was between two versions
	noAnswer              // broken off, since it changed
)

// ask asks for the file, or for a part of it, and judges the answer.
func (f *subject) ask(client *http.Client, addr string) (verdict, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+addr+"/"+f.name, nil)
	if err != nil {
		return 0, err
	}
	from, to := 0, 0
	if rand.IntN(2) == 0 {
		from = rand.IntN(f.size/lineSize) * lineSize
		to = from + (rand.IntN((f.size-from)/lineSize)+1)*lineSize
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	placed, oldest, rested := f.inPlace.Load(), f.done.Load(), time.Since(time.Unix(0, f.changed.Load())) > 2*time.Second
	resp, err := client.Do(request)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	newest := f.begun.Load()
	between := placed%2 == 1 || f.inPlace.Load() != placed
	switch {
	case err != nil && oldest == newest:
		return 0, fmt.Errorf("it did not change: %w", err)
	case err != nil:
		return noAnswer, nil
	case between && (resp.StatusCode == 416 || resp.StatusCode == 200 || resp.StatusCode == 206):
		if f.isOne(body, from, oldest, newest, resp) == nil {
			return wholeAnswer, nil
		}
		return tornAnswer, nil
	}
	if err := f.isOne(body, from, oldest, newest, resp); err != nil {
		return 0, fmt.Errorf("asked for bytes %d to %d between versions %d and %d, at rest %v: %d, %d bytes, ETag %s: %w",
			from, to, oldest, newest, rested, resp.StatusCode, len(body), resp.Header.Get("ETag"), err)
	}
	if rested && oldest == newest {
		return restingAnswer, nil
	}
	return wholeAnswer, nil
}

// isOne says whether an answer is of one version, and of one that the file was.
func (f *subject) isOne(body []byte, from int, oldest, newest int64, resp *http.Response) error {
	if len(body) < lineSize {
		return fmt.Errorf("%q", body)
	}
	is, err := strconv.ParseInt(string(body[:8]), 16, 64)
	if err != nil {
		return err
	}
	if is < f.marked(oldest) || is > f.marked(newest) {
		return fmt.Errorf("it is version %d", is)
	}
	for v := oldest; v <= newest; v++ {
		if f.marked(v) != is {
			continue
		}
		want := f.content(v)
		size := len(want)
		if resp.StatusCode == http.StatusPartialContent {
			var first, last int
			if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size); err != nil {
				return err
			}
			if first != from || last+1 > len(want) {
				continue
			}
			want, size = want[first:last+1], size-len(want)
			if size != 0 {
				continue
			}
		}
		if bytes.Equal(body, want) {
			return nil
		}
	}
	return fmt.Errorf("it is no version; it begins with %q and ends with %q", body[:lineSize], body[len(body)-lineSize:])
}
