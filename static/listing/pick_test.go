package listing

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

func TestPickFindsWhatSortingWould(t *testing.T) {
	for range 300 {
		n := 1 + rand.IntN(200)
		items := make([]int, n)
		for i := range items {
			items[i] = rand.IntN(1 + rand.IntN(2*n)) // with equals, at times only equals
		}
		switch rand.IntN(4) {
		case 0:
			slices.Sort(items)
		case 1:
			slices.Sort(items)
			slices.Reverse(items)
		}
		want := slices.Sorted(slices.Values(items))
		from := rand.IntN(n + 1)
		to := from + rand.IntN(n-from+1)
		pick(items, from, to, cmp.Compare, &pause{})
		if !slices.Equal(items[from:to], want[from:to]) {
			t.Fatalf("%d to %d are %v, want %v", from, to, items[from:to], want[from:to])
		}
		slices.Sort(items)
		if !slices.Equal(items, want) {
			t.Fatal("an item is lost")
		}
	}
}

func TestArena(t *testing.T) {
	var a arena
	var refs []ref
	var names []string
	size := 0
	for i := range 30_000 {
		name := strconv.Itoa(i) + string(make([]byte, rand.IntN(maxName-10)*rand.IntN(2)/(1+rand.IntN(20))))
		names = append(names, name)
		refs = append(refs, a.add(name, i%3 == 0))
		size += len(name)
	}
	longest := string(make([]byte, maxName))
	names, refs = append(names, longest), append(refs, a.add(longest, true))
	for i, r := range refs {
		if name, isFolder := a.at(r); string(name) != names[i] || isFolder != (i%3 == 0) {
			t.Fatalf("name %d is %q %t, want %q", i, name, isFolder, names[i])
		}
	}
	if len(a.chunks) < 4 || a.size < size {
		t.Errorf("%d chunks of %d bytes for %d", len(a.chunks), a.size, size)
	}
}
