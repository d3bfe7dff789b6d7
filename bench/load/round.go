//go:build linux

package load

// This file runs a list of downloads on a few connections at once. It exists so
// that a round has a defined beginning and end: when Run returns, every
// connection is closed and nothing is in flight.

import (
	"context"
	"sync"
	"sync/atomic"
)

// deepStacks is how many clients at a time may connect or read a header.
const deepStacks = 64

// Run performs the requests with the given number of clients made by newClient,
// and returns their results in the order of requests. When the context ends, or
// once tooMany downloads have failed, the rest is not attempted and has no result.
func Run(ctx context.Context, requests []Request, clients, tooMany int, newClient func() *Client) []Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]Result, len(requests))
	next := make(chan int)
	var failures atomic.Int64
	var workers, helpers sync.WaitGroup
	deep := make(chan func())
	for range min(clients, deepStacks) {
		helpers.Go(func() { // ends when deep is closed; Run waits
			for work := range deep {
				work()
			}
		})
	}
	for range min(clients, len(requests)) {
		workers.Go(func() { // ends when next is closed; Run waits
			client := newClient()
			client.deep = deep
			defer client.Close()
			for i := range next {
				results[i].Request = requests[i]
				client.do(ctx, &results[i])
				if results[i].Err != nil && failures.Add(1) >= int64(tooMany) {
					cancel()
				}
			}
		})
	}
	attempted := feed(ctx, next, len(requests))
	workers.Wait()
	close(deep)
	helpers.Wait()
	return results[:attempted]
}

// feed hands out 0..n-1 until the context ends, and says how many it handed out.
func feed(ctx context.Context, next chan<- int, n int) int {
	defer close(next)
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			return i
		}
	}
	return n
}
