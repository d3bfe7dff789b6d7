//go:build linux

package load

// This file asks a server what there is to download. It exists because size and
// range support have to be known before a request can be planned or checked.

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Probe finds the size of the file at u in bytes, and whether byte ranges of it
// are served, by asking for its first byte.
func Probe(ctx context.Context, u *url.URL) (size int64, ranges bool, err error) {
	client := &Client{URL: u}
	defer client.reset() // without ranges the whole file is on its way
	if err := client.connect(ctx, true); err != nil {
		return 0, false, err
	}
	response, err := client.ask(ctx, Request{Kind: Ranged, First: 0, Last: 0})
	if err != nil {
		return 0, false, fmt.Errorf("GET %s: %w", u, err)
	}
	switch response.StatusCode {
	case http.StatusPartialContent:
		_, total, _ := strings.Cut(response.Header.Get("Content-Range"), "/")
		size, err = strconv.ParseInt(total, 10, 64)
	case http.StatusOK:
		size = response.ContentLength
	default:
		return 0, false, fmt.Errorf("GET %s: status %d", u, response.StatusCode)
	}
	if err != nil || size <= 0 {
		return 0, false, fmt.Errorf("GET %s: no size of a non-empty file in the answer", u)
	}
	return size, response.StatusCode == http.StatusPartialContent, nil
}
