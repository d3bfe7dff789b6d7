package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// closedBy reads until the server ends the connection, and gives what it said.
func (c *client) closedBy(t *testing.T) string {
	t.Helper()
	all, err := io.ReadAll(c.r)
	if err != nil {
		t.Errorf("after %q: %v", all, err)
	}
	return string(all)
}

// trickle sends text byte by byte until it is all sent or the server says something,
// which it gives, with how much was sent at most.
func (c *client) trickle(t *testing.T, text string) (answer string, sent int) {
	t.Helper()
	said := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(c.r)
		said <- string(all)
	}()
	for i := range len(text) {
		select {
		case answer := <-said:
			return answer, i
		case <-time.After(50 * time.Millisecond):
		}
		if _, err := io.WriteString(c, text[i:i+1]); err != nil {
			break
		}
	}
	return <-said, len(text)
}

// Whoever does not say in time what they want is told so, and those who say nothing at
// all find the connection closed.
func TestHeadAndKeepAliveTimeouts(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/f", "content")
	s := start(t, dir, "--head-timeout", "1s", "--keep-alive-timeout", "2s")

	silent := dial(t, s.addr, 0)
	rests := dial(t, s.addr, 0)
	rests.send(t, getRequest("/f"))
	slow := dial(t, s.addr, 0)
	answer, _ := slow.trickle(t, "GET /f HTTP/1.1\r\nHost: test\r\nA: "+strings.Repeat("x", 1000))
	if !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
		t.Errorf("a slow head is answered with %.40q", answer)
	}
	if said := silent.closedBy(t); said != "" {
		t.Errorf("who says nothing is told %q", said)
	}
	if said := rests.closedBy(t); strings.Count(said, "HTTP/1.1 ") != 1 || !strings.HasSuffix(said, "content") {
		t.Errorf("who asks once is told %q", said)
	}
	s.stop()
	records := s.records(2)
	if len(records) != 2 {
		t.Fatalf("%+v", records)
	}
	if r := records[1]; r.Status != 408 || r.Rule != "head-timeout" || r.Method != "GET" || r.Path != "/f" {
		t.Errorf("%+v", r)
	}
	if r := records[0]; r.Status != 200 || r.Rule != "" {
		t.Errorf("%+v", r)
	}
}

// Bodies that stall or are too slow are refused, and logged with what came of them; one
// that comes at the minimum is taken, however long that lasts.
func TestBodyThatIsTooSlow(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		send func(*testing.T, *client) (answer string, most int)
		rule string
	}{
		{
			"stalled",
			[]string{"--idle-timeout", "1s", "--minimum-upload-rate", "0"},
			func(t *testing.T, c *client) (string, int) {
				c.send(t, "01234")
				return c.closedBy(t), 5
			},
			"idle-timeout",
		},
		{
			"too slow",
			[]string{"--rate-grace", "1s", "--minimum-upload-rate", "1000"},
			func(t *testing.T, c *client) (string, int) { return c.trickle(t, strings.Repeat("x", 999)) },
			"minimum-upload-rate",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, append(test.args, t.TempDir())...)
			c := dial(t, s.addr, 0)
			c.send(t, "POST /f HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n")
			answer, most := test.send(t, c)
			if !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
				t.Errorf("%.40q", answer)
			}
			if r := s.records(1)[0]; r.Status != 408 || r.Rule != test.rule || r.Received == 0 || r.Received > int64(most) {
				t.Errorf("%d bytes were sent: %+v", most, r)
			}
		})
	}
	t.Run("at the minimum", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--rate-grace", "1s", "--minimum-upload-rate", "1", t.TempDir())
		c := dial(t, s.addr, 0)
		body := strings.Repeat("x", 60)
		c.send(t, fmt.Sprintf("POST /f HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(body)))
		if answer, _ := c.trickle(t, body); !strings.HasPrefix(answer, "HTTP/1.1 405 ") {
			t.Errorf("%.40q", answer)
		}
		if r := s.records(1)[0]; r.Rule != "" || r.Received != int64(len(body)) {
			t.Errorf("%+v", r)
		}
	})
}

// A download that is slower than the minimum ends; others go on, however slow they are.
func TestMinimumRate(t *testing.T) {
	const size = 16 << 20
	dir := t.TempDir()
	sparse(t, dir, "file", size)
	// slowly takes 4 KiB at a time, up to most.
	slowly := func(c *client, most int) (n int) {
		p := make([]byte, 4<<10)
		for n < most {
			got, err := c.r.Read(p)
			if n += got; err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		return n
	}
	for _, test := range []struct {
		rate string
		rule string
	}{{"1GiB", "minimum-rate"}, {"1", ""}} {
		t.Run(test.rate, func(t *testing.T) {
			t.Parallel()
			s := start(t, dir, "--rate-grace", "1s", "--minimum-rate", test.rate)
			c := dial(t, s.addr, 64<<10)
			c.send(t, getRequest("/file"))
			if test.rule != "" {
				go slowly(c, size)
				if r := s.records(1)[0]; r.Outcome != "timeout" || r.Rule != test.rule || r.Sent == 0 || r.Sent >= size {
					t.Errorf("%+v", r)
				}
				return
			}
			slowly(c, 256<<10) // at some 200 KB/s, so for longer than the grace
			if n, err := io.CopyN(io.Discard, c.r, size-256<<10); err != nil {
				t.Errorf("%d bytes more, then %v", n, err)
			}
		})
	}
}

// New limits hold for what is open: a head that is half there, a connection that rests,
// a body and a download that stall.
func TestTimeLimitsChangeForOpenConnections(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/small", "s")
	sparse(t, dir, "large", 64<<20)
	file := filepath.Join(t.TempDir(), "fullbore.yaml")
	const before = "head-timeout: 1h\nkeep-alive-timeout: 1h\nidle-timeout: 1h\nrate-grace: 1h\n"
	writeFile(t, file, before)
	s := start(t, dir, "--config", file)

	rests, head, body, download := dial(t, s.addr, 0), dial(t, s.addr, 0), dial(t, s.addr, 0), dial(t, s.addr, 4<<10)
	for _, c := range []*client{rests, head, body} {
		c.send(t, getRequest("/small"))
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	head.send(t, "GET /head HTTP/1.1\r\nHo")
	body.send(t, "POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n0")
	download.send(t, getRequest("/large"))
	if _, err := download.r.ReadByte(); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, file, strings.ReplaceAll(before, "1h", "1s"))
	if e := s.reloads(1)[0]; e.Result != "ok" || len(e.Changed) != 4 {
		t.Fatalf("%+v", e)
	}
	if said := rests.closedBy(t); said != "" {
		t.Errorf("a connection that rests is told %q", said)
	}
	for _, c := range []*client{head, body} {
		if said := c.closedBy(t); !strings.HasPrefix(said, "HTTP/1.1 408 ") {
			t.Errorf("%.40q", said)
		}
	}
	rules := map[string]string{}
	for _, r := range s.records(6)[3:] {
		rules[r.Path] = r.Rule
	}
	if rules["/head"] != "head-timeout" || rules["/body"] == "" || rules["/large"] != "idle-timeout" {
		t.Errorf("%v", rules)
	}
}

// Whoever is slow because we hold them back is not slow: neither a download nor a body.
func TestMinimumRatesLeaveOutWhatWeHoldBack(t *testing.T) {
	const size = 256 << 10
	dir := t.TempDir()
	sparse(t, dir, "file", size)
	s := start(t, dir, "--connection-rate", "64KiB", "--minimum-rate", "1MiB", "--minimum-upload-rate", "1MiB", "--rate-grace", "1s")
	if status, body := s.get("/file"); status != 200 || len(body) != size {
		t.Errorf("%d, %d bytes", status, len(body))
	}
	c := dial(t, s.addr, 0)
	c.send(t, fmt.Sprintf("POST /file HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size)))
	if said := c.closedBy(t); !strings.HasPrefix(said, "HTTP/1.1 405 ") {
		t.Errorf("%.40q", said)
	}
	for _, r := range s.records(2) {
		if r.Rule != "" || r.Outcome != "complete" || r.Sent+r.Received < size || r.DurationMS < 2000 {
			t.Errorf("%+v", r)
		}
	}
}
