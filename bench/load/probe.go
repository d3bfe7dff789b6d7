//go:build linux

package load

// This file asks a server what there is to download and how. It exists because
// size and abilities have to be known before a request can be planned or checked:
// a server that has no listings is not wrong, it is asked for none.

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Abilities are what a server can do with a file.
type Abilities struct {
	Size  int64  // of the file, bytes
	Kinds []Kind // of download that it answers as it should
}

// Can says whether a kind of download makes sense.
func (a Abilities) Can(kind Kind) bool { return slices.Contains(a.Kinds, kind) }

// Probe finds the size of the file at u and what can be done with it, by asking
// for its first bytes. A server that does not have the file is an error.
func Probe(ctx context.Context, u *url.URL) (Abilities, error) {
	answer, err := peek(ctx, u, &Request{Kind: Ranged, First: 0, Last: 0})
	if err != nil {
		return Abilities{}, fmt.Errorf("GET %s: %w", u, err)
	}
	can := Abilities{Kinds: []Kind{Whole, Aborted, Slow}}
	switch answer.StatusCode {
	case http.StatusPartialContent:
		_, total, _ := strings.Cut(answer.Header.Get("Content-Range"), "/")
		can.Size, err = strconv.ParseInt(total, 10, 64)
		can.Kinds = append(can.Kinds, Ranged, Resumed)
	case http.StatusOK:
		can.Size = answer.ContentLength
	default:
		return Abilities{}, fmt.Errorf("GET %s: status %d", u, answer.StatusCode)
	}
	if err != nil || can.Size <= 0 {
		return Abilities{}, fmt.Errorf("GET %s: %w", u, errNothing)
	}
	client := &Client{URL: u, Size: can.Size}
	for _, request := range []Request{
		{Kind: Ranges, Spans: []Span{{0, 0}, {can.Size - 1, can.Size - 1}}}, {Kind: Head}, {Kind: Missing}, {Kind: Listing},
	} {
		if request.Kind == Ranges && (can.Size < 3 || !can.Can(Ranged)) {
			continue
		}
		answer, err := peek(ctx, u, &request)
		if err != nil {
			return Abilities{}, fmt.Errorf("%s of %s: %w", request.Kind, u, err)
		}
		if client.check(&request, answer) == nil {
			can.Kinds = append(can.Kinds, request.Kind)
		}
	}
	return can, nil
}

// peek reads the header of an answer and cuts the connection: without ranges the
// whole file may be on its way.
func peek(ctx context.Context, u *url.URL, request *Request) (response *http.Response, err error) {
	client := &Client{URL: u}
	defer client.reset()
	if err := client.connect(ctx, true); err != nil {
		return nil, err
	}
	defer client.release()
	err = client.ask(ctx, request, func(answer *http.Response) error {
		response = answer
		return nil
	})
	return response, err
}
