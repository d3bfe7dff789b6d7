package watch

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// receiver answers with one status after the other, the last one again and
// again.
func receiver(t *testing.T, statuses ...int) (url string, posts *atomic.Int64) {
	t.Helper()
	posts = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(posts.Add(1))
		if user, secret, _ := r.BasicAuth(); user != "me" || secret != "s3cret" {
			t.Errorf("it came as %q, %q", user, secret)
		}
		w.WriteHeader(statuses[min(n, len(statuses))-1])
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http://", "http://me:s3cret@", 1) + "/s3cret?token=s3cret", posts
}

func TestWebhookIsTriedAgainWhenThatMayHelp(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int
		posts    int64
		fails    string // how the event's error begins; "" for no event
	}{
		"at once":           {[]int{200}, 1, ""},
		"no content":        {[]int{204}, 1, ""},
		"at the third try":  {[]int{500, 503, 200}, 3, ""},
		"too many requests": {[]int{429, 200}, 2, ""},
		"never":             {[]int{500}, 3, "answer 500"},
		"refused":           {[]int{404}, 1, "answer 404"},
		"redirect":          {[]int{302}, 1, "answer 302"},
	} {
		t.Run(name, func(t *testing.T) {
			url, posts := receiver(t, c.statuses...)
			w := run(t, func(cfg *Config) { cfg.Settings.Memory, cfg.Settings.Webhook = 1, url }, nil)
			until(t, "the posts", func() bool { return posts.Load() == c.posts })
			if c.fails != "" {
				until(t, "the event", func() bool { return len(w.events.of(t, "webhook")) == 1 })
			}
			w.stop()
			if n := posts.Load(); n != c.posts {
				t.Errorf("%d posts, want %d", n, c.posts)
			}
			events := w.events.of(t, "webhook")
			if c.fails == "" && len(events) > 0 {
				t.Errorf("events %+v", events)
			}
			if c.fails != "" && (len(events) != 1 || events[0].Error != c.fails || !strings.HasPrefix(events[0].Host, "127.0.0.1:")) {
				t.Errorf("events %+v, want %q", events, c.fails)
			}
			if strings.Contains(w.events.String(), "s3cret") {
				t.Errorf("the secret was said: %s", w.events)
			}
		})
	}
}

func TestWebhookNeverTellsItsSecret(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	for _, url := range []string{
		strings.Replace(dead.URL, "http://", "http://me:s3cret@", 1) + "/s3cret",
		"http://me:s3cret@127.0.0.1:port/s3cret",
		"gopher://me:s3cret@127.0.0.1/s3cret",
		"s3cret",
	} {
		w := run(t, func(cfg *Config) { cfg.Settings.Memory, cfg.Settings.Webhook = 1, url }, nil)
		until(t, "the event", func() bool { return len(w.events.of(t, "webhook")) == 1 })
		w.stop()
		if strings.Contains(w.events.String(), "s3cret") {
			t.Errorf("the secret was said: %s", w.events)
		}
	}
}

func TestNothingWaitsForAReceiverThatHangs(t *testing.T) {
	entered, release := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}))
	defer server.Close()
	defer close(release)
	w := run(t, func(cfg *Config) {
		cfg.Settings.Memory, cfg.Settings.Webhook, cfg.Settings.Cooldown = 1, server.URL, time.Millisecond
	}, nil)
	<-entered
	// More than may wait: the rest is said to be lost.
	until(t, "alarms to go on", func() bool { return w.Alarms(ruleMemory) > webhookQueue+2 })
	until(t, "a loss to be said", func() bool { return len(w.events.of(t, "webhook")) > 0 })
	w.stop() // does not wait for it either
}
