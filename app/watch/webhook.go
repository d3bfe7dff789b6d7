package watch

// Nothing waits for a webhook, and secrets in its URL are never logged.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	webhookQueue   = 8 // alarms that may wait
	webhookTries   = 3
	webhookTimeout = 10 * time.Second
)

// post posts what is queued, until ctx ends.
func (w *Watch) post(ctx context.Context) {
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DisableKeepAlives: true, // alarms are rare
	}
	client := &http.Client{
		Transport: transport,
		Timeout:   webhookTimeout,
		// A POST that is sent elsewhere may become a GET without the alarm.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-w.posts:
			target := w.settings.Load().Webhook
			if target == "" { // no longer wanted
				continue
			}
			if err := w.postOne(ctx, client, target, a); err != nil && ctx.Err() == nil {
				w.postFailed(target, a, err)
			}
		}
	}
}

// postOne tries several times, with growing pauses.
func (w *Watch) postOne(ctx context.Context, client *http.Client, target string, a *alarm) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	pause := w.backoff
	for try := 1; ; try++ {
		again, err := send(ctx, client, target, body)
		if err == nil || !again || try == webhookTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 4
	}
}

// send posts once. Again says whether another try may help.
func send(ctx context.Context, client *http.Client, target string, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return false, withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "fullbore")
	resp, err := client.Do(req)
	if err != nil {
		return true, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // what it says is not looked at
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	if resp.StatusCode/100 == 2 {
		return false, nil
	}
	again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
	return again, fmt.Errorf("answer %d", resp.StatusCode)
}

// withoutURL takes an error of net/http apart: its text has the whole URL.
func withoutURL(err error) error {
	var known *url.Error
	if errors.As(err, &known) {
		return known.Err
	}
	return err
}

// postFailed says so, naming no more of the URL than its host.
func (w *Watch) postFailed(target string, a *alarm, err error) {
	host := "?"
	if u, parseErr := url.Parse(target); parseErr == nil {
		host = u.Host
	}
	w.cfg.Events.Error().Str("event", "webhook").Str("rule", string(a.Rule)).
		Str("host", host).Err(err).Msg("watch: webhook failed: " + err.Error())
}
