package transfer

import (
	"math/rand/v2"
	"testing"
)

// The union is compared with one that is kept byte by byte.
func TestUnionOfRangesIsWhatABitmapSays(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		var s spans
		var bitmap [200]bool
		for range 60 {
			r := span{start: random.Int64N(200)}
			r.end = r.start + random.Int64N(min(200-r.start, 1+random.Int64N(40))+1)
			fresh, kept := s.add(r, maxSpans)
			var want int64
			for i := r.start; i < r.end; i++ {
				if !bitmap[i] {
					bitmap[i] = true
					want++
				}
			}
			if fresh != want || !kept {
				t.Fatalf("seed %d: %v gave %d new bytes (%v), want %d", seed, r, fresh, kept, want)
			}
		}
		var rebuilt [200]bool
		for i, r := range s {
			if r.end <= r.start || i > 0 && s[i-1].end >= r.start {
				t.Fatalf("seed %d: %v is not in order or not separate", seed, s)
			}
			for at := r.start; at < r.end; at++ {
				rebuilt[at] = true
			}
		}
		if rebuilt != bitmap {
			t.Fatalf("seed %d: %v is not the union", seed, s)
		}
	}
}

func TestUnionTakesNoMoreRangesThanThereIsRoomFor(t *testing.T) {
	var s spans
	for i := range int64(10) {
		s.add(span{10 * i, 10*i + 5}, 10)
	}
	if _, kept := s.add(span{1000, 1001}, 10); kept || len(s) != 10 {
		t.Errorf("an eleventh range was kept: %v", s)
	}
	if fresh, kept := s.add(span{5, 10}, 10); fresh != 5 || !kept || len(s) != 9 {
		t.Errorf("what joins two ranges needs no room, and gave %d, %v: %v", fresh, kept, s)
	}
}

func TestUnionGivesMemoryBack(t *testing.T) {
	var s spans
	for i := range int64(maxSpans) {
		s.add(span{2 * i, 2*i + 1}, maxSpans)
	}
	if s.add(span{0, 2 * maxSpans}, maxSpans); len(s) != 1 || cap(s) > 16 {
		t.Errorf("%d ranges hold memory for %d", len(s), cap(s))
	}
}
