package transfer

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"fullbore/app/wire"
	"fullbore/logger"
)

// entry is a request in flight.
type entry struct {
	prev, next *entry // under Registry.mu
	id         uint64
	result     *logger.Result

	// Under Registry.mu.
	cut   bool // by Cut
	marks [2]mark

	// For End; used only in the Observer's calls.
	tracked bool   // part of a download
	key     []byte // scratch space, see identify
	hash    uint64 // of key
	etag    []byte

	// Under table.mu.
	download *download // that has the request in flight; nil: none, or a small one's
}

// reset readies the entry for another request.
func (e *entry) reset() { *e = entry{key: e.key[:0], etag: e.etag[:0]} }

// snapshot copies the entry. The registry is locked.
func (e *entry) snapshot(now time.Time) Transfer {
	r := e.result
	t := Transfer{
		ID: e.id, Remote: string(r.AppendRemote(nil)), Peer: string(r.Peer.AppendTo(nil)), Method: r.Method, Path: string(r.Path), Kind: "other", State: Preparing,
		Length: -1, Received: r.BytesReceived(), ETA: -1, Started: r.Start, Age: max(now.Sub(r.Start).Seconds(), 0),
	}
	if r.Responding() {
		e.snapshotResponse(&t, now)
	}
	if conn, ok := r.Conn.(interface{ Allowance() wire.Allowance }); ok {
		if allowance := conn.Allowance(); allowance != nil {
			t.Paced, t.Allowed = true, allowance.Rate()
		}
	}
	if e.cut {
		t.State = Ending
	}
	return t
}

func (e *entry) snapshotResponse(t *Transfer, now time.Time) {
	r := e.result
	t.State, t.Status, t.User, t.Length, t.Sent = Sending, r.Status, string(r.User), r.Length(), r.BytesSent()
	if r.Kind != "" {
		t.Kind = r.Kind
	}
	if offset, length, ok := r.Span(); ok && r.Status == statusPartial {
		t.Range = strconv.FormatInt(offset, 10) + "-" + strconv.FormatInt(offset+length-1, 10)
	}
	t.Rate = e.rate(now, t.Sent)
	switch {
	case t.Length == t.Sent:
		t.ETA = 0
	case t.Length > 0 && t.Rate > 0:
		t.ETA = float64(t.Length-t.Sent) / t.Rate
	}
}

// etagOf is the entity tag without its weakness: that of a file just written becomes
// strong while it is being downloaded.
func etagOf(resp *fasthttp.Response) []byte {
	return bytes.TrimPrefix(resp.Header.PeekBytes(keyETag), weak)
}

var weak = []byte("W/")

// keyETag is in fasthttp's canonical form.
var keyETag = []byte("Etag")

// clientOf appends the owner of a download: the user, else the address.
func clientOf(dst []byte, result *logger.Result) []byte {
	if len(result.User) > 0 {
		return append(dst, result.User...)
	}
	return result.AppendRemote(dst)
}

// identify makes the key that all requests of a download share.
func (e *entry) identify(result *logger.Result) {
	e.key = clientOf(e.key, result)
	e.key = append(e.key, 0, byte(min(len(result.User), 1))) // no user name equals an address
	e.key = append(e.key, result.Ctx.Path()...)
	e.key = append(e.key, 0)
	e.key = append(e.key, e.etag...)
}
