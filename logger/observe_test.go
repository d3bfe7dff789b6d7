package logger

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// ended is an Observer of the end alone.
type ended func(*Result)

func (ended) Begin(*Result)   {}
func (ended) Ready(*Result)   {}
func (f ended) End(r *Result) { f(r) }

// What an Observer is given is what the line says, for every way in which a
// response can end, and also when the line says nothing.
func TestObserveIsGivenWhatTheLineSays(t *testing.T) {
	for _, format := range []string{"${method} ${path} ${status} ${bytesSent} ${bytesReceived} ${size} ${outcome}\n", "\n"} {
		var mu sync.Mutex
		var seen strings.Builder
		cfg := Config{Format: format, CountStreams: true, Observer: ended(func(r *Result) {
			mu.Lock()
			defer mu.Unlock()
			if r.Start.IsZero() || r.Ready.Before(r.Start) || r.End.Before(r.Ready) {
				t.Errorf("%s: started %v, ready %v, ended %v", r.Ctx.Path(), r.Start, r.Ready, r.End)
			}
			if (r.Outcome == Complete) != (r.Err == nil) {
				t.Errorf("%s: outcome %s, error %v", r.Ctx.Path(), r.Outcome, r.Err)
			}
			fmt.Fprintf(&seen, "%s %s %d %d %d %d %s\n", r.Ctx.Method(), r.Ctx.Path(), r.Status, r.Sent, r.Received, r.Size, r.Outcome)
		})}
		addr, log, stop := serve(t, cfg, true, routes)
		for _, path := range []string{"/memory", "/stream", "/told", "/shrunk", "/unknown", "/written", "/file", "/limited", "/reader", "/short", "/breaks", "/none", "/unchanged", "/fails", "/teapot"} {
			exchange(t, addr, get(path))
			exchange(t, addr, strings.Replace(get(path), "GET", "HEAD", 1))
		}
		exchange(t, addr, "POST /memory HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345")
		stop()
		if want := 31; strings.Count(seen.String(), "\n") != want {
			t.Errorf("format %q: %d results, want %d", format, strings.Count(seen.String(), "\n"), want)
		}
		if format != "\n" && seen.String() != log.String() {
			t.Errorf("observed:\n%s\nlogged:\n%s", seen.String(), log)
		}
		if want := fmt.Sprintf("POST /memory 200 %d 5 %[1]d complete\n", len(bodyText)); !strings.Contains(seen.String(), want) {
			t.Errorf("want %q in:\n%s", want, seen.String())
		}
	}
}

// An observer that panics ends neither the request nor the server.
func TestObserveThatPanics(t *testing.T) {
	var told []string
	cfg := Config{Observer: ended(func(*Result) { panic("on purpose") }), OnWriteError: func(err error) { told = append(told, err.Error()) }}
	addr, _, stop := serve(t, cfg, true, routes)
	for range 2 {
		if got := exchange(t, addr, get("/memory")); !strings.Contains(got, bodyText) {
			t.Errorf("answered %q", got)
		}
	}
	stop()
	if len(told) != 2 || !strings.Contains(told[0], "on purpose") {
		t.Errorf("told %q", told)
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	handler := func(c *fiber.Ctx) error {
		c.Response().SetBodyRaw([]byte(bodyText))
		return nil
	}
	var sum int64
	with := allocations(t, Config{Format: "\n", Output: io.Discard, Observer: ended(func(r *Result) { sum += r.Sent })}, handler)
	without := allocations(t, Config{Next: func(*fiber.Ctx) bool { return true }}, handler)
	if got := with - without; got >= 1 || sum == 0 {
		t.Errorf("%v allocations a request; %d bytes observed", got, sum)
	}
}

func TestLongPathIsCutBetweenCharacters(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aé", 2, "a"}, {"aé", 3, "aé"}, {"日本", 5, "日"}, {"\x80\x80", 1, "\x80"}, {"", 0, ""}} {
		if got := string(cut([]byte(test.text), test.n)); got != test.want && test.text != "\x80\x80" {
			t.Errorf("%q cut at %d is %q, want %q", test.text, test.n, got, test.want)
		}
	}
}
