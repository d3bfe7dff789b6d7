// Package transfer knows what is in flight, and what became of it: each
// request's transfer while it lasts, and the downloads that clients make of
// several requests. The pages of the admin listener, the metrics and the drain
// ask here.
package transfer

import (
	"net/netip"
	"time"
)

// State is how far a transfer has come.
type State string

// The states.
const (
	Preparing State = "preparing" // the handlers are at work
	Sending   State = "sending"   // the response is on its way
	Ending    State = "ending"    // it was cut, and has not noticed yet
)

// Transfer is a snapshot of one request in flight. Its JSON is what
// /transfers gives to programs, and stable.
type Transfer struct {
	ID       uint64     `json:"id"` // names it for Registry.End; never used again
	Remote   netip.Addr `json:"remote"`
	User     string     `json:"user"`
	Method   string     `json:"method"`
	Path     string     `json:"path"` // decoded; cut at 512 bytes
	Kind     string     `json:"kind"` // file, listing, other
	Status   int        `json:"status"`
	Range    string     `json:"range"` // as in 0-99; "" for the whole, or several
	State    State      `json:"state"`
	Sent     int64      `json:"bytes_sent"`  // of the body, so far
	Length   int64      `json:"length"`      // bytes of the body that are to be sent; -1: not known
	Received int64      `json:"received"`    // bytes of the request's body, so far
	Rate     float64    `json:"rate"`        // bytes a second, lately
	ETA      float64    `json:"eta_seconds"` // -1: not known
	Age      float64    `json:"age_seconds"`
	Started  time.Time  `json:"started"`
}

// Outcome is what became of a download.
type Outcome string

// The outcomes.
const (
	Active    Outcome = "active"    // going on, or it may be resumed
	Complete  Outcome = "complete"  // every byte of the file was delivered
	Abandoned Outcome = "abandoned" // nothing of it was asked for in a long time
	Evicted   Outcome = "evicted"   // forgotten unfinished, to make room for others
)

// Download is a snapshot of one logical download: what one client fetched of
// one version of a file, in however many requests. Its JSON is what /downloads
// gives to programs, and stable.
type Download struct {
	Client    string    `json:"client"` // the user, else the address
	Path      string    `json:"path"`
	ETag      string    `json:"etag"`
	Size      int64     `json:"size"`      // bytes of the file
	Covered   int64     `json:"covered"`   // bytes of the file that were delivered at least once
	Delivered int64     `json:"delivered"` // bytes in all
	Duplicate int64     `json:"duplicate"` // bytes delivered more than once
	Requests  int       `json:"requests"`  // how many had a part in it
	InFlight  int       `json:"in_flight"` // how many of them go on
	Outcome   Outcome   `json:"outcome"`
	Started   time.Time `json:"started"`
	Last      time.Time `json:"last"` // when its last request ended, or began
}
