//go:build linux

package soak

// This file holds a server to its word: what its access log says about each
// download against what really arrived. It exists because a log that repeats
// Content-Length looks right until the first visitor closes the window.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"strings"
	"time"

	"fullbore/bench/load"
)

// logWithin is how long a log line may stay away: servers write them in batches,
// and learn of a reset only when they next touch the connection.
const logWithin = 5 * time.Second

// logLine is the part of an access record that can be checked.
type logLine struct {
	Query     string `json:"query"`
	Status    int    `json:"status"`
	BytesSent *int64 `json:"bytes_sent"`
	Outcome   string `json:"outcome"`
}

// accessLog follows a JSON access log and keeps this run's lines, by request ID.
type accessLog struct {
	path    string
	run     string
	file    *os.File
	partial []byte
	lines   map[string][]logLine
	other   int // lines that name this run and are no JSON
}

// followLog starts at the log's present end. A log that does not exist yet is
// read from its beginning once it does.
func followLog(path, run string) (*accessLog, error) {
	log := &accessLog{path: path, run: run, lines: make(map[string][]logLine)}
	if err := log.open(); err != nil {
		return nil, err
	}
	if log.file != nil {
		if _, err := log.file.Seek(0, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("access log: %w", err)
		}
	}
	return log, nil
}

func (l *accessLog) close() {
	if l.file != nil {
		_ = l.file.Close() // only read from
	}
}

func (l *accessLog) open() error {
	file, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	l.file = file
	return nil
}

// verify waits for the lines of the results and returns what is wrong with them.
// Downloads that failed on our side are judged by the caller.
func (l *accessLog) verify(ctx context.Context, results []load.Result) ([]string, error) {
	deadline := time.Now().Add(logWithin)
	for {
		if err := l.read(); err != nil {
			return nil, err
		}
		if l.complete(results) || time.Now().After(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	var wrong []string
	for _, result := range results {
		if result.Err == nil {
			wrong = append(wrong, compare(result, l.lines[result.ID])...)
		}
	}
	return wrong, nil
}

// knows says whether there is a line of any of the results.
func (l *accessLog) knows(results []load.Result) bool {
	for _, result := range results {
		if len(l.lines[result.ID]) > 0 {
			return true
		}
	}
	return false
}

// silent is the error of a log without a line to compare: that is no evidence
// against the server.
func (l *accessLog) silent() error {
	why := "is it that server's log?"
	switch {
	case l.file == nil:
		why = "there is no such file"
	case l.other > 0:
		why = fmt.Sprintf("it has %d lines in another format", l.other)
	}
	return fmt.Errorf("--access-log %s has no record of the first round: %s "+
		"(want one JSON object a line, with query, status, bytes_sent and outcome, within %v)", l.path, why, logWithin)
}

// surplus names the requests that have more than one line by now.
func (l *accessLog) surplus() ([]string, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	var wrong []string
	for id, lines := range l.lines {
		if len(lines) > 1 {
			wrong = append(wrong, fmt.Sprintf("request %s: %d log lines for one request", id, len(lines)))
		}
	}
	return wrong, nil
}

func (l *accessLog) complete(results []load.Result) bool {
	for _, result := range results {
		if result.Err == nil && len(l.lines[result.ID]) == 0 {
			return false
		}
	}
	return true
}

// read takes in what the log has gained. A last line without its newline stays
// behind until the rest of it has come.
func (l *accessLog) read() error {
	if l.file == nil {
		if err := l.open(); err != nil || l.file == nil {
			return err
		}
	}
	text, err := io.ReadAll(l.file)
	if err != nil {
		return fmt.Errorf("access log: %w", err)
	}
	l.partial = append(l.partial, text...)
	for {
		line, rest, whole := bytes.Cut(l.partial, []byte("\n"))
		if !whole {
			break
		}
		l.take(line)
		l.partial = rest
	}
	l.partial = bytes.Clone(l.partial)
	return nil
}

// take files one line if it is about a request of this run.
func (l *accessLog) take(text []byte) {
	if !bytes.Contains(text, []byte(l.run)) {
		return
	}
	var line logLine
	if json.Unmarshal(text, &line) != nil {
		l.other++
		return // then its request is reported as having no line
	}
	values, err := url.ParseQuery(line.Query)
	if id := values.Get("soak"); err == nil && strings.HasPrefix(id, l.run+"-") {
		l.lines[id] = append(l.lines[id], line)
	}
}

// compare says what is wrong with the log lines of one download.
func compare(result load.Result, lines []logLine) []string {
	name := fmt.Sprintf("request %s (%s)", result.ID, result.Kind)
	if len(lines) != 1 {
		return []string{fmt.Sprintf("%s: %d log lines, want 1", name, len(lines))}
	}
	line := lines[0]
	var wrong []string
	if line.Status != result.Status {
		wrong = append(wrong, fmt.Sprintf("%s: logged status %d, was %d", name, line.Status, result.Status))
	}
	least, most := result.Sent()
	switch {
	case line.BytesSent == nil:
		wrong = append(wrong, name+": no bytes_sent in its log line")
	case *line.BytesSent < least || *line.BytesSent > most:
		wrong = append(wrong, fmt.Sprintf("%s: logged %d bytes, %s (received %d, in flight %d)",
			name, *line.BytesSent, wanted(least, most), result.Received, result.InFlight))
	}
	// A download whose whole rest fitted into the socket buffers is complete as
	// far as the server can know, wherever its reader stopped.
	outcome := "complete"
	if result.CutShort() && least < result.Length {
		outcome = "aborted"
	}
	if line.Outcome != outcome {
		wrong = append(wrong, fmt.Sprintf("%s: logged outcome %q, was %q", name, line.Outcome, outcome))
	}
	return wrong
}

func wanted(least, most int64) string {
	switch {
	case least == most:
		return fmt.Sprintf("were %d", least)
	case most == math.MaxInt64:
		return fmt.Sprintf("were %d or more", least)
	}
	return fmt.Sprintf("were %d to %d", least, most)
}
