package listing

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// memNames are n names in random order; every seventh is a folder.
func memNames(n int) []Name {
	names := make([]Name, n)
	for i := range names {
		names[i] = Name{Name: fmt.Sprintf("file%d", i)}
		if i%7 == 0 {
			names[i] = Name{Name: fmt.Sprintf("folder%d", i), IsFolder: true}
		}
	}
	rand.Shuffle(n, func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// sorted are the names as a page would show them, if it showed all.
func sorted(names []Name, descending bool) []string {
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b Name) int {
		return compareEntries([]byte(a.Name), a.IsFolder, []byte(b.Name), b.IsFolder, descending)
	})
	var texts []string
	for _, n := range names {
		texts = append(texts, n.Name)
	}
	return texts
}

func chosenNames(c chosen) []string {
	var names []string
	for i := range c.rows.list {
		names = append(names, c.rows.at(i).name)
	}
	return names
}

// Keeping only the best names while reading must not change what is chosen.
func TestPagesOfALargeFolderAreThoseOfTheSortedNames(t *testing.T) {
	const n = 12_000
	names := memNames(n)
	l := New()
	for _, descending := range []bool{false, true} {
		want := sorted(names, descending)
		for _, limit := range []int{7, 1000} {
			for _, page := range []int{1, 11, n / limit, reach / limit} {
				q := query{sort: byName, page: page, limit: limit, descending: descending}
				c, err := l.choose(&memSource{names: names, batch: 700}, q)
				if err != nil {
					t.Fatal(err)
				}
				pages := (n + limit - 1) / limit
				page = min(page, pages)
				from := (page - 1) * limit
				if c.total != n || c.pages != pages || c.page != page || c.first != from {
					t.Fatalf("page %d of %d from %d, of %d names; want %d of %d", c.page, c.pages, c.first, c.total, page, pages)
				}
				if got := chosenNames(c); !slices.Equal(got, want[from:min(from+limit, len(want))]) {
					t.Fatalf("page %d by %d: %.200q", page, limit, got)
				}
			}
		}
	}
}

func TestFilterCountsAndShowsWhatMatches(t *testing.T) {
	names := memNames(30_000)
	var matching []Name
	for _, n := range names {
		if strings.Contains(n.Name, "77") {
			matching = append(matching, n)
		}
	}
	c, err := New().choose(&memSource{names: names}, query{sort: byName, page: 1, limit: 10_000, filter: "77"})
	if err != nil || c.total != len(matching) || !slices.Equal(chosenNames(c), sorted(matching, false)) {
		t.Errorf("%d names, want %d (%v)", c.total, len(matching), err)
	}
}

func TestSortBySizeAndTime(t *testing.T) {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	sizes := map[string]int64{"a": 5, "b": 5, "c": 1 << 40, "d": 0, "gone": 1}
	src := func() *lookingSource {
		return &lookingSource{memSource{
			names: []Name{{"a", false}, {"b", false}, {"c", false}, {"z", true}, {"d", false}, {"y", true}, {"gone", false}, {"linked", false}},
			entries: func(name string) Entry {
				e := Entry{Size: sizes[name], Modified: start.Add(time.Duration(name[0]) * time.Nanosecond)}
				e.IsFolder = name == "y" || name == "z" || name == "linked"
				switch name {
				case "y":
					e.Modified = time.Unix(1<<60, 0) // beyond what nanoseconds in 64 bits can say
				case "z":
					e.Modified = time.Unix(-1<<60, 0)
				}
				return e
			},
		}}
	}
	for _, test := range []struct {
		q    query
		want []string
	}{
		{query{sort: byName}, []string{"linked", "y", "z", "a", "b", "c", "d"}},
		{query{sort: byName, descending: true}, []string{"z", "y", "linked", "d", "c", "b", "a"}},
		{query{sort: bySize}, []string{"linked", "y", "z", "d", "a", "b", "c"}},
		{query{sort: bySize, descending: true}, []string{"linked", "y", "z", "c", "a", "b", "d"}},
		{query{sort: byTime}, []string{"z", "linked", "y", "a", "b", "c", "d"}},
		{query{sort: byTime, descending: true}, []string{"y", "linked", "z", "d", "c", "b", "a"}},
	} {
		test.q.page, test.q.limit = 1, 100
		c, err := New().choose(src(), test.q)
		if err != nil {
			t.Fatal(err)
		}
		if got := chosenNames(c); !slices.Equal(got, test.want) || c.refused || c.total != 7 {
			t.Errorf("%+v: %q of %d (refused: %t), want %q", test.q, got, c.total, c.refused, test.want)
		}
		if want := (summary{folders: 3, files: 4, bytes: 1<<40 + 10}); c.summary != want || !c.complete {
			t.Errorf("%+v: the summary is %+v", test.q, c.summary)
		}
		// The pages of three are the same in pieces, and know the whole, if all was looked at.
		var pieces []string
		for page := 1; page <= 3; page++ {
			test.q.page, test.q.limit = page, 3
			if c, err = New().choose(src(), test.q); err != nil {
				t.Fatal(err)
			}
			pieces = append(pieces, chosenNames(c)...)
			if c.complete != (test.q.sort != byName) {
				t.Errorf("%+v: complete is %t", test.q, c.complete)
			}
		}
		// Only those pages know that a link leads to a folder which look at all.
		if test.q.sort != byName && !slices.Equal(pieces, test.want) {
			t.Errorf("%+v in pieces: %q", test.q, pieces)
		}
	}
}

// lookingSource has lost a name between reading and looking.
type lookingSource struct{ memSource }

func (s *lookingSource) Stat(name string) (Entry, error) {
	if name == "gone" {
		return Entry{}, fs.ErrNotExist
	}
	return s.memSource.Stat(name)
}

func TestTooManyToSortBySize(t *testing.T) {
	names := memNames(sortable + 5)
	looks := 0
	count := func(string) Entry { looks++; return Entry{} }
	q := query{sort: bySize, page: 1, limit: 50}
	l := New()
	l.lookTime = time.Hour
	c, err := l.choose(&memSource{names: names, entries: count}, q)
	if err != nil {
		t.Fatal(err)
	}
	if !c.refused || c.total != sortable+5 || looks != 50 || !slices.Equal(chosenNames(c), sorted(names, false)[:50]) {
		t.Errorf("refused: %t, %d names, %d looked at", c.refused, c.total, looks)
	}
	// As many as can be are sorted; a filter makes it so few.
	q.filter = "file"
	c, err = l.choose(&memSource{names: names, entries: count}, q)
	if err != nil || c.refused || looks <= 50 {
		t.Errorf("with a filter: refused: %t, %d looked at (%v)", c.refused, looks, err)
	}
	// Nor does it take longer than it may.
	l.lookTime, q.filter = -1, ""
	c, err = l.choose(&memSource{names: memNames(10)}, q)
	if err != nil || !c.refused || len(c.rows.list) != 10 {
		t.Errorf("without time: refused: %t (%v)", c.refused, err)
	}
}

func TestNamesThatNoLinkLeadsToAreLeftOut(t *testing.T) {
	names := []Name{{"", false}, {".", true}, {"..", true}, {"a/b", false}, {"nul\x00", false}, {strings.Repeat("x", maxName+1), false}, {"ok", false}}
	c, err := New().choose(&memSource{names: names}, query{sort: byName, page: 1, limit: 10})
	if err != nil || c.total != 1 || !slices.Equal(chosenNames(c), []string{"ok"}) {
		t.Errorf("%q (%v)", chosenNames(c), err)
	}
}

// What memory the names may take has a bound, whatever page is asked for.
func TestLongNamesShrinkTheReach(t *testing.T) {
	const n = 70_000
	names := make([]Name, n)
	for i := range names {
		names[i].Name = fmt.Sprintf("%06d", n-i) + strings.Repeat("x", 1000)
	}
	q := query{sort: byName, page: 66, limit: 1000}
	c, err := New().choose(&memSource{names: names}, q)
	if err != nil {
		t.Fatal(err)
	}
	if c.spent > maxArena+chunkSize {
		t.Errorf("%d bytes of names", c.spent)
	}
	if c.page != c.pages || c.page >= 66 || c.page < 20 {
		t.Errorf("page %d of %d", c.page, c.pages)
	}
	if first := fmt.Sprintf("%06d", c.first+1); !strings.HasPrefix(c.rows.at(0).name, first) || len(c.rows.list) != 1000 {
		t.Errorf("%d rows, the first is %.10s, want %s", len(c.rows.list), c.rows.at(0).name, first)
	}
}

// brokenSource fails after its names.
type brokenSource struct{ memSource }

var errBroken = errors.New("broken")

func (s *brokenSource) ReadDir(n int) ([]Name, error) {
	names, err := s.memSource.ReadDir(n)
	if err != nil {
		err = errBroken
	}
	return names, err
}

func TestErrorsOfTheSource(t *testing.T) {
	l := New()
	for _, n := range []int{0, 5, batch, 5000} {
		_, err := l.choose(&brokenSource{memSource{names: memNames(n)}}, query{sort: byName, page: 1, limit: 10})
		if !errors.Is(err, errBroken) {
			t.Errorf("after %d names: %v", n, err)
		}
	}
	// And no place is lost.
	for range 2 * places {
		if _, err := l.choose(&memSource{names: memNames(2000)}, query{sort: byName, page: 1, limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
}

// Of a folder with 1,000,000 names a page holds its own, wherever it is.
func TestAMillionNamesHoldOnePage(t *testing.T) {
	const n, limit = 1_000_000, 1000
	src := &memSource{names: memNames(n), batch: 1000}
	for _, page := range []int{1, 2, 40} {
		src.next = 0
		before := inUse()
		c, err := New().choose(src, query{sort: byName, page: page, limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if held := inUse() - before; held > 4<<20 {
			t.Errorf("page %d holds %d KiB", page, held>>10)
		}
		var want []string // folders come first, and every seventh is one
		for i := (page - 1) * limit; i < page*limit; i++ {
			want = append(want, fmt.Sprintf("folder%d", 7*i))
		}
		if got := chosenNames(c); c.total != n || !slices.Equal(got, want) {
			t.Errorf("page %d of %d names: %.200q, want %.200q", page, c.total, got, want)
		}
		runtime.KeepAlive(c)
	}
}

// inUse is how many bytes of the heap are, when the rest is collected.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
