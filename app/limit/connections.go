package limit

import (
	"hash/maphash"
	"sync"

	"fullbore/app/client"
)

// connectionShards is how many locks the clients are spread over.
const connectionShards = 64

// connections counts those of each client, and knows no client that has none. It is safe
// for concurrent use.
type connections struct {
	seed   maphash.Seed
	shards [connectionShards]connectionShard
}

type connectionShard struct {
	mu    sync.Mutex
	of    map[client.Key]*held
	spare []*held // for others to use
}

// held is what one client holds. It is a wire.Share.
type held struct {
	key   client.Key
	shard *connectionShard
	n     int
}

// spareHeld is how many of a shard are kept for others.
const spareHeld = 16

func newConnections() *connections {
	c := &connections{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].of = make(map[client.Key]*held)
	}
	return c
}

// begin counts a connection, unless its client has that many.
func (c *connections) begin(key client.Key, most int) *held {
	shard := &c.shards[maphash.Comparable(c.seed, key)%connectionShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	h := shard.of[key]
	if h == nil {
		h = shard.take()
		h.key, h.shard = key, shard
		shard.of[key] = h
	}
	if h.n >= most {
		return nil
	}
	h.n++
	return h
}

func (s *connectionShard) take() *held {
	if n := len(s.spare); n > 0 {
		h := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return h
	}
	return &held{}
}

// Leave says that a connection has ended.
func (h *held) Leave() {
	shard := h.shard
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if h.n--; h.n > 0 {
		return
	}
	delete(shard.of, h.key)
	if len(shard.spare) < spareHeld {
		shard.spare = append(shard.spare, h)
	}
}

// use says who has most.
func (c *connections) use() (most client.Key, its int) {
	for i := range c.shards {
		shard := &c.shards[i]
		shard.mu.Lock()
		for key, h := range shard.of {
			if h.n > its {
				most, its = key, h.n
			}
		}
		shard.mu.Unlock()
	}
	return most, its
}
