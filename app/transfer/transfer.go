// Package transfer tracks what is in flight and what became of it: the transfer of each
// request while it lasts, and the downloads that clients make of several requests. The
// admin pages, the metrics and the drain build on it.
package transfer

import (
	"time"
)

// State is how far a transfer has come.
type State string

// The states.
const (
	Preparing State = "preparing" // the handlers are running
	Sending   State = "sending"   // the response is on its way
	Ending    State = "ending"    // it was cut, but is not over yet
)

// Transfer is a snapshot of one request in flight. Its JSON is that of /transfers, and
// stable.
type Transfer struct {
	ID       uint64    `json:"id"`             // for Registry.Cut; never reused
	Remote   string    `json:"remote"`         // the client's address; "unix:" on a Unix socket
	Peer     string    `json:"peer,omitempty"` // the proxy that the request came by, if any
	User     string    `json:"user"`
	Method   string    `json:"method"`
	Path     string    `json:"path"` // decoded; truncated to 512 bytes
	Kind     string    `json:"kind"` // file, listing, other
	Status   int       `json:"status"`
	Range    string    `json:"range"` // as in 0-99; "" for the whole, or several
	State    State     `json:"state"`
	Sent     int64     `json:"bytes_sent"`  // of the body, so far
	Length   int64     `json:"length"`      // bytes of the body to be sent; -1: unknown
	Received int64     `json:"received"`    // bytes of the request's body, so far
	Rate     float64   `json:"rate"`        // bytes per second, recently
	Paced    bool      `json:"paced"`       // whether it is held to a rate
	Allowed  int64     `json:"allowed"`     // its share then, bytes per second, recently
	ETA      float64   `json:"eta_seconds"` // -1: unknown
	Age      float64   `json:"age_seconds"`
	Started  time.Time `json:"started"`
}

// Outcome is what became of a download.
type Outcome string

// The outcomes.
const (
	Active    Outcome = "active"    // in progress or resumable
	Complete  Outcome = "complete"  // every byte of the file was delivered
	Abandoned Outcome = "abandoned" // no request for it in a long time
	Evicted   Outcome = "evicted"   // dropped unfinished, to make room for others
)

// Download is a snapshot of one logical download: what one client fetched of one version
// of a file, in however many requests. Its JSON is that of /downloads, and stable.
type Download struct {
	Client    string    `json:"client"` // the user, else the address
	Path      string    `json:"path"`
	ETag      string    `json:"etag"`
	Size      int64     `json:"size"`      // bytes of the file
	Covered   int64     `json:"covered"`   // bytes of the file that were delivered at least once
	Delivered int64     `json:"delivered"` // bytes in all
	Duplicate int64     `json:"duplicate"` // bytes delivered more than once
	Requests  int       `json:"requests"`  // how many so far
	InFlight  int       `json:"in_flight"` // how many of them are in flight
	Outcome   Outcome   `json:"outcome"`
	Started   time.Time `json:"started"`
	Last      time.Time `json:"last"` // when its last request ended, or began
}
