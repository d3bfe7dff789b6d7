package logger

// The tables of README.md are made here, from the code.

import (
	"os"
	"strings"
	"testing"
)

// fieldMeanings are what README.md says of the JSON fields.
var fieldMeanings = map[string]string{
	"time":           "when the response ended: RFC 3339, UTC, milliseconds",
	"id":             "an ID of the logger's own, unique to the request",
	"remote":         "as `${ip}`; `unix:` for a client on a Unix socket",
	"user":           "the local `username`; empty if none",
	"method":         "the method",
	"host":           "the Host header",
	"path":           "the path, decoded and cleaned by fasthttp",
	"query":          "the query, as it was sent",
	"proto":          "`HTTP/1.1` or `HTTP/1.0`",
	"status":         "the status",
	"range":          "the byte range sent, as in `0-99`; empty if none",
	"size":           "as `${size}`; -1 if not known",
	"bytes_sent":     "as `${bytesSent}`",
	"bytes_received": "as `${bytesReceived}`",
	"ttfb_ms":        "as `${ttfb}`, in milliseconds with three decimals",
	"duration_ms":    "as `${latency}`, in milliseconds with three decimals",
	"outcome":        "as `${outcome}`",
	"referer":        "the Referer header",
	"user_agent":     "the User-Agent header",
	"error":          "as `${error}`; empty if nothing",
	"peer":           "as `${peer}`; only in records of requests that came by a proxy",
	"rule":           "as `${rule}`; only in records that have one",
	"bytes_wire":     "as `${bytesWire}`",
	"rate":           "as `${rate}`",
	"request_id":     "the local `requestid`; empty if none",
	"url":            "path and query, as they were sent",
}

func TestReadmeHasTheTagTable(t *testing.T) {
	var table strings.Builder
	table.WriteString("| tag | meaning | asked |\n|---|---|---|\n")
	for _, name := range Tags() {
		asked := "before"
		if tags[name].late != nil {
			asked = "after"
		}
		if strings.HasSuffix(name, ":") {
			name += "NAME"
		}
		table.WriteString("| `${" + name + "}` | " + tags[strings.TrimSuffix(name, "NAME")].about + " | " + asked + " |\n")
	}
	wantTable(t, table.String())
}

func TestReadmeHasTheFieldTable(t *testing.T) {
	var table strings.Builder
	table.WriteString("| field | logged | meaning |\n|---|---|---|\n")
	for i, name := range Fields() {
		meaning, ok := fieldMeanings[name]
		if !ok {
			t.Errorf("fieldMeanings lacks %q", name)
		}
		logged := "by default"
		if i >= defaultFields {
			logged = "if chosen"
		}
		table.WriteString("| `" + name + "` | " + logged + " | " + meaning + " |\n")
	}
	if len(fieldMeanings) != len(Fields()) {
		t.Errorf("fieldMeanings has %d fields, the code %d", len(fieldMeanings), len(Fields()))
	}
	wantTable(t, table.String())
}

// wantTable looks for a table that stands alone, without a row more or less.
func wantTable(t *testing.T, table string) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "\n\n"+table+"\n") {
		t.Errorf("README.md has another table than the code; this is the right one:\n\n%s", table)
	}
}
