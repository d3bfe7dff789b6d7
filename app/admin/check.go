package admin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"fullbore/app/listen"
)

// maxAnswer, in bytes, is more than any answer to Ask.
const maxAnswer = 64 << 10

// Ask asks the admin listener on addr, as the setting has it, for a path and
// returns the status and the body of its answer.
func Ask(addr, path string, timeout time.Duration) (status int, body []byte, err error) {
	address, err := listen.Parse(addr)
	if err != nil {
		return 0, nil, fmt.Errorf("%q: %w", addr, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil) // a name that is never refused, see knownHost
	if err != nil {
		return 0, nil, err
	}
	client := http.Client{Transport: &http.Transport{ // without a proxy
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return address.Dial(ctx) },
	}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read or not, the answer is known
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}
