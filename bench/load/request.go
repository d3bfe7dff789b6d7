//go:build linux

// Package load is an HTTP/1.1 client that counts. It downloads files without
// looking at them, and knows to the byte what it received and, when it walks
// away, what was still on its way.
package load

// This file says what a download is, before and after. It exists so that those
// who plan, those who perform and those who verify share nothing else.

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
)

// Kind is how a download goes.
type Kind string

// The kinds of download.
const (
	Whole   Kind = "whole"   // to the last byte
	Aborted Kind = "aborted" // Take bytes, then a stalled reader, then a reset
	Ranged  Kind = "ranged"  // one byte range
	Ranges  Kind = "ranges"  // several byte ranges in one response
	Resumed Kind = "resumed" // aborted, then the rest of it on a new connection
	Slow    Kind = "slow"    // Take bytes evenly over a time, then a reset
	Head    Kind = "head"    // the header only
	Missing Kind = "missing" // a name that is not there, beside the file
	Listing Kind = "listing" // the folder of the file
)

// Kinds are all of them, in the order in which they are explained.
var Kinds = []Kind{Whole, Aborted, Ranged, Ranges, Resumed, Slow, Head, Missing, Listing}

// Span is a range of bytes, both ends inclusive.
type Span struct{ First, Last int64 }

// Request is one download to perform.
type Request struct {
	ID    string // sent as ?soak=ID, to find the request in an access log
	Kind  Kind
	First int64         // Ranged: first byte position
	Last  int64         // Ranged: last byte position, inclusive
	Spans []Span        // Ranges: in ascending order, apart from each other
	Take  int64         // Aborted, Resumed, Slow: body bytes to read before stalling
	Over  time.Duration // Slow: how long to take for them

	ifRange string // Resumed: the entity tag of the first part, empty if it had none
}

// CutShort says whether the reader walks away before the end.
func (r Request) CutShort() bool { return r.Kind == Aborted || r.Kind == Slow }

// Result is what became of a Request. All sizes are bytes of the body.
type Result struct {
	Request
	Status    int           // of the response; 0 if there was none
	Length    int64         // Content-Length; -1 if unknown
	Received  int64         // read from the socket; of a chunked body, without its framing
	InFlight  int64         // Aborted, Slow: accepted by the server's kernel, never read by us
	Slack     int64         // likewise: how much more may have been in flight; 0 means exact
	FirstByte time.Duration // from sending the request to the end of the response's header
	Duration  time.Duration // from before connecting or writing until the end
	Err       error         // why it did not go as the Kind says; nil if it did

	// Before is the first part of a Resumed download, whose own figures are those
	// of the second. Nil for the other kinds.
	Before *Result
}

// Sent returns the least and the most that a truthful server has counted. What
// it counts of a chunked body, with or without the framing, is its own affair.
func (r Result) Sent() (least, most int64) {
	least = r.Received + r.InFlight
	if r.Length < 0 {
		return least, math.MaxInt64
	}
	return least, min(least+r.Slack, max(r.Length, least))
}

// uri is the request target with the ID appended to the query.
func (r Request) uri(u *url.URL) string {
	target := u.EscapedPath()
	switch r.Kind {
	case Missing:
		target += ".missing"
	case Listing:
		target = target[:strings.LastIndex(target, "/")+1]
	}
	if target == "" {
		target = "/"
	}
	query := u.RawQuery
	if r.ID != "" && query != "" {
		query += "&"
	}
	if r.ID != "" {
		query += "soak=" + r.ID
	}
	if query == "" {
		return target
	}
	return target + "?" + query
}

// head is the request as it goes on the wire.
func (r Request) head(u *url.URL) string {
	method := "GET"
	if r.Kind == Head {
		method = "HEAD"
	}
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fullbore-bench\r\nAccept-Encoding: identity\r\n",
		method, r.uri(u), u.Host)
	switch r.Kind {
	case Ranged:
		text += fmt.Sprintf("Range: bytes=%d-%d\r\n", r.First, r.Last)
	case Ranges:
		var spans []string
		for _, span := range r.Spans {
			spans = append(spans, fmt.Sprintf("%d-%d", span.First, span.Last))
		}
		text += "Range: bytes=" + strings.Join(spans, ",") + "\r\n"
	case Listing:
		text += "Accept: text/html\r\n"
	}
	if r.ifRange != "" {
		text += "If-Range: " + r.ifRange + "\r\n"
	}
	return text + "\r\n"
}
