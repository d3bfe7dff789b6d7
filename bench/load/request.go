//go:build linux

// Package load is an HTTP/1.1 client that counts. It downloads files without
// looking at them, and knows to the byte what it received and, when it walks
// away, what was still on its way.
package load

// This file says what a download is, before and after. It exists so that those
// who plan, those who perform and those who verify share nothing else.

import (
	"fmt"
	"net/url"
	"time"
)

// Kind is how a download goes.
type Kind string

// The kinds of download.
const (
	Whole   Kind = "whole"   // to the last byte
	Aborted Kind = "aborted" // Take bytes, then a stalled reader, then a reset
	Ranged  Kind = "ranged"  // one byte range
)

// Request is one download to perform.
type Request struct {
	ID    string // sent as ?soak=ID, to find the request in an access log
	Kind  Kind
	First int64 // Ranged: first byte position
	Last  int64 // Ranged: last byte position, inclusive
	Take  int64 // Aborted: body bytes to read before stalling
}

// Result is what became of a Request. All sizes are bytes of the body.
type Result struct {
	Request
	Status   int           // of the response; 0 if there was none
	Length   int64         // Content-Length; -1 if unknown
	Received int64         // read from the socket
	InFlight int64         // Aborted: accepted by the server's kernel, never read by us
	Slack    int64         // Aborted: how much more may have been in flight; 0 means exact
	Duration time.Duration // from before connecting or writing until the end
	Err      error         // why it did not go as the Kind says; nil if it did
}

// Sent returns the least and the most that a truthful server has counted.
func (r Result) Sent() (least, most int64) {
	least = r.Received + r.InFlight
	return least, min(least+r.Slack, max(r.Length, least))
}

// requestURI is the request target with the ID appended to the query.
func requestURI(u *url.URL, id string) string {
	uri := u.EscapedPath()
	if uri == "" {
		uri = "/"
	}
	if id == "" && u.RawQuery == "" {
		return uri
	}
	if id == "" {
		return uri + "?" + u.RawQuery
	}
	if u.RawQuery == "" {
		return uri + "?soak=" + id
	}
	return uri + "?" + u.RawQuery + "&soak=" + id
}

// head is the request as it goes on the wire.
func (r Request) head(u *url.URL) string {
	text := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fullbore-bench\r\nAccept-Encoding: identity\r\n",
		requestURI(u, r.ID), u.Host)
	if r.Kind == Ranged {
		text += fmt.Sprintf("Range: bytes=%d-%d\r\n", r.First, r.Last)
	}
	return text + "\r\n"
}
