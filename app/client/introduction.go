package client

// The PROXY protocol, versions 1 and 2: a proxy says at the beginning of a connection
// whose it is. https://www.haproxy.org/download/3.4/doc/proxy-protocol.txt

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/pires/go-proxyproto"
	"github.com/valyala/fasthttp"

	"fullbore/app/head"
)

// Bounds of a header, in bytes.
const (
	longestV1 = 107
	prefixV2  = 16        // what has the length of the rest
	longestV2 = 16 + 4096 // as the library has it; certificates of clients fit
)

// Why a connection is refused that no proxy introduces.
const (
	whyStranger  = "PROXY headers are taken from trusted proxies only"
	whyNone      = "there is no PROXY header, with which each connection begins here"
	whyMalformed = "the PROXY header is malformed"
	whyLate      = "the PROXY header did not come in time"
	whyCut       = "the connection ended within the PROXY header"
)

// Meet is a wire.Introduction that takes PROXY headers from those that are trusted. What
// it refuses is a *head.Refusal: 403 for peers that are not trusted, 400 for those that
// send none, or a bad one, 408 if it does not come. A header that says LOCAL or UNKNOWN
// introduces nobody: the connection is the proxy's own.
func (p *Proxies) Meet(peer netip.Addr, said []byte, ended error) (length int, client netip.AddrPort, named bool, err error) {
	length, why := lengthOf(said)
	var asked []byte // without a header, it may be a request
	if why == whyNone {
		asked = said
	}
	switch {
	case !p.Trusts(peer):
		return 0, client, false, refusal(fasthttp.StatusForbidden, whyStranger, asked, nil)
	case why != "":
		return 0, client, false, refusal(fasthttp.StatusBadRequest, why, asked, nil)
	case length > 0 && length <= len(said):
		client, named, err = parseHeader(said[:length])
		if err != nil {
			return 0, client, false, refusal(fasthttp.StatusBadRequest, whyMalformed, nil, err)
		}
		return length, client, named, nil
	case ended == nil:
		return 0, client, false, nil
	}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(ended, &timeout) && timeout.Timeout():
		err = refusal(fasthttp.StatusRequestTimeout, whyLate, nil, ended)
	case errors.Is(ended, io.EOF):
		err = refusal(fasthttp.StatusBadRequest, whyCut, nil, io.ErrUnexpectedEOF)
	default:
		err = ended
	}
	return 0, client, false, err
}

// refusal says in its record what was asked, as far as that is a request.
func refusal(status int, why string, asked []byte, err error) *head.Refusal {
	var request head.Head
	request.Judge(asked, head.DefaultLimit)
	r := request.Refusal(asked)
	r.Status, r.Reason, r.Err = status, why, err
	return r
}

// lengthOf is how long the header is that said begins with; 0: that is not known yet. It
// may be longer than said. why says why it is none.
func lengthOf(said []byte) (length int, why string) {
	switch {
	case begins(said, proxyproto.SIGV2):
		if len(said) < prefixV2 {
			return 0, ""
		}
		if length = prefixV2 + int(binary.BigEndian.Uint16(said[prefixV2-2:])); length > longestV2 {
			return 0, whyMalformed
		}
		return length, ""
	case begins(said, []byte("PROXY ")):
		line := said[:min(len(said), longestV1)]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			return end + 1, ""
		}
		if len(line) == longestV1 {
			return 0, whyMalformed
		}
		return 0, ""
	}
	return 0, whyNone
}

// begins reports whether said begins with a signature, or is the beginning of one.
func begins(said, signature []byte) bool {
	n := min(len(said), len(signature))
	return string(said[:n]) == string(signature[:n])
}

// reader is what the library wants to read from.
type reader struct {
	bytes bytes.Reader
	buf   *bufio.Reader
}

var readers = sync.Pool{New: func() any {
	r := &reader{}
	r.buf = bufio.NewReaderSize(&r.bytes, 2*longestV1) // a line of version 1 has to be there at once
	return r
}}

var errNotOneStream = errors.New("it is not about a TCP connection or a Unix socket, or not all of it")

// parseHeader reads a header that is p, no more and no less.
func parseHeader(p []byte) (client netip.AddrPort, named bool, err error) {
	r := readers.Get().(*reader) //nolint:forcetypeassert // the pool holds nothing else
	defer readers.Put(r)
	r.bytes.Reset(p)
	r.buf.Reset(&r.bytes)
	header, err := proxyproto.Read(r.buf)
	left := r.buf.Buffered() + r.bytes.Len()
	r.bytes.Reset(nil)
	switch {
	case err != nil:
		return client, false, err
	case left > 0:
		return client, false, errNotOneStream
	case header.Command.IsLocal():
		return client, false, nil
	}
	switch source := header.SourceAddr.(type) {
	case *net.TCPAddr:
		client = source.AddrPort()
		return netip.AddrPortFrom(client.Addr().Unmap(), client.Port()), true, nil
	case *net.UnixAddr:
		if source.Net == "unix" {
			return client, true, nil
		}
	}
	return client, false, errNotOneStream
}
