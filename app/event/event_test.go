package event

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"fullbore/app/config"
)

func TestTroubleIsSaidOnceAMinute(t *testing.T) {
	var out bytes.Buffer
	events := New(config.EventsAuto, &out)
	trouble := events.Trouble("accept", "accepting connections")
	for range 3 {
		trouble.Report(errors.New("too many open files"))
	}
	trouble.last = trouble.last.Add(-2 * time.Minute)
	trouble.Printf("no %s", "memory")
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"event":"accept"`) || !strings.Contains(lines[0], "accepting connections: too many open files\"") {
		t.Fatalf("it said\n%s", lines)
	}
	if !strings.Contains(lines[1], `"unsaid":2`) || !strings.Contains(lines[1], "no memory (and 2 times since ") {
		t.Errorf("then it said\n%s", lines[1])
	}
}

// Lines and events come out in the order in which they were said.
func TestLinesAndEventsAreInOrder(t *testing.T) {
	var out bytes.Buffer
	events := New(config.EventsText, &out)
	events.Line("listening %s", "there")
	events.Warn().Str("event", "test").Msg("careful")
	if err := events.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := events.Close(); err != nil {
		t.Fatal(err)
	}
	events.Info().Msg("after the end") // which is lost, and no error
	if first, rest, _ := strings.Cut(out.String(), "\n"); first != "listening there" || !strings.Contains(rest, "careful") {
		t.Errorf("it said\n%s", out.String())
	}
}
