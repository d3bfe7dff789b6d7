package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswer, in bytes, is more than any answer to Ask.
const maxAnswer = 64 << 10

// Ask asks the admin listener on addr (host:port) for a path and gives the
// status and the body of its answer. An unspecified host is asked on the
// loopback address.
func Ask(addr, path string, timeout time.Duration) (status int, body []byte, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Host = "localhost"                                                     // which is never refused, see knownHost
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // nor a proxy
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read or not, the answer is known
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}
