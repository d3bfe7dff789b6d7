package limit

import (
	"hash/maphash"
	"sync"
	"time"

	"fullbore/app/client"
)

// A table of this size, 2 MiB, knows the rates of up to 65,536 clients at once. With
// more, those are forgotten who come nearest to having asked for nothing.
const (
	rateShards = 64  // each with a lock
	rateSets   = 128 // in each
	rateWays   = 8   // clients in a set
)

// rates is how much each client has asked for lately: for each the time at which all of
// that is paid for, by the generic cell rate algorithm (ITU-T I.371). It does not grow.
// It is safe for concurrent use.
type rates struct {
	seed   maphash.Seed
	began  time.Time
	shards [rateShards]rateShard
}

type rateShard struct {
	mu   sync.Mutex
	sets [rateSets][rateWays]paid
}

// paid is one client's. The zero value is nobody's.
type paid struct {
	key client.Key
	at  int64 // nanoseconds since rates.began
}

func newRates() *rates { return &rates{seed: maphash.MakeSeed(), began: time.Now()} }

// take counts a request. If it comes too early it is not counted, and may come again
// after wait.
func (r *rates) take(key client.Key, rate Rate, now time.Time) (wait time.Duration) {
	each := int64(rate.Per) / int64(rate.N)
	most := each * rate.burst()
	at := max(int64(now.Sub(r.began)), 1) // 0 is never
	hash := maphash.Comparable(r.seed, key)
	shard := &r.shards[hash%rateShards]
	set := &shard.sets[hash/rateShards%rateSets]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	p := find(set, key)
	// A rate that was slower before a reload has nobody wait for longer than this one's.
	next := min(max(p.at, at), at+most) + each
	if next > at+most {
		return time.Duration(next - at - most)
	}
	p.at = next
	return 0
}

// find is the place of a client in a set, if need be that of who comes nearest to having
// asked for nothing.
func find(set *[rateWays]paid, key client.Key) *paid {
	least := &set[0]
	for i := range set {
		p := &set[i]
		if p.key == key && p.at != 0 {
			return p
		}
		if p.at < least.at {
			least = p
		}
	}
	*least = paid{key: key}
	return least
}
