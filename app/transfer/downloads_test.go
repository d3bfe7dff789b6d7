package transfer

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fullbore/static"
)

const fileSize = 1 << 20

func TestRangesOfOneFileAreOneDownload(t *testing.T) {
	s := serve(t, Config{})
	s.file("file", fileSize)
	for i := range 16 {
		s.get("/file", fmt.Sprintf("Range: bytes=%d-%d", i*fileSize/16, (i+1)*fileSize/16-1))
		s.quiet()
		if got := s.one(); (got.Outcome == Complete) != (i == 15) || got.Requests != i+1 || got.Covered != int64(i+1)*fileSize/16 {
			t.Fatalf("after %d ranges the download is %+v", i+1, got)
		}
	}
	s.wantTotals(Totals{Started: 1, Complete: 1, Delivered: fileSize})
	e := s.events(1)[0]
	want := event{"download", "complete", "127.0.0.1", "/file", fileSize, fileSize, fileSize, 0, 16}
	if e != want {
		t.Errorf("told %+v, want %+v", e, want)
	}
}

func TestBytesThatAreDeliveredTwiceAreCounted(t *testing.T) {
	s := serve(t, Config{})
	s.file("file", fileSize)
	s.get("/file", "Range: bytes=0-599999")
	s.get("/file", "Range: bytes=500000-599999, 0-9") // two parts, each with a header of its own
	s.get("/file", "Range: bytes=400000-")
	s.wantTotals(Totals{Started: 1, Complete: 1, Delivered: 600000 + 100010 + fileSize - 400000, Duplicate: 100010 + 200000})
	if d := s.one(); d.Covered != fileSize || d.Duplicate != 300010 || d.Requests != 3 {
		t.Errorf("the download is %+v", d)
	}
}

// A download is over when all was delivered and nothing of it is in flight.
func TestDownloadWaitsForWhatIsInFlight(t *testing.T) {
	s := serve(t, Config{})
	const size = 128 << 20 // more than sockets hold
	s.file("file", size)
	first, second := s.dial(), s.dial()
	first.send(t, "GET", "/file")
	first.take(t, 1000)
	second.send(t, "GET", "/file", "Range: bytes=1000-")
	second.skip(t)
	s.until("the second is over", func() bool { return s.Active() == 1 })
	d := s.Downloads()
	if len(d) != 1 || d[0].Outcome != Active || d[0].Covered != size || d[0].InFlight != 1 || d[0].Requests != 2 {
		t.Errorf("while the first goes on the download is %+v", d)
	}
	first.reset()
	if d := s.one(); d.Outcome != Complete || d.Duplicate != d.Delivered-size || d.Requests != 2 {
		t.Errorf("afterwards it is %+v", d)
	}
}

func TestWhatIsNoDownload(t *testing.T) {
	s := serve(t, Config{}, static.Config{Browse: true})
	s.file("file", fileSize)
	resp, _ := s.do("HEAD", "/file")
	s.get("/file", "If-None-Match: "+resp.Header.Get("ETag"))
	s.get("/file", "Range: bytes=9999999-")
	s.get("/file", `If-Match: "other"`)
	s.get("/nope")
	s.get("/")
	s.do("OPTIONS", "/file")
	s.do("POST", "/file", "Content-Length: 0")
	s.wantTotals(Totals{})
	if d := s.Downloads(); len(d) != 0 {
		t.Errorf("downloads %+v", d)
	}
}

func TestSmallFilesAreCountedAndNotKept(t *testing.T) {
	s := serve(t, Config{EventsFrom: 1 << 20})
	s.file("small", 1000)
	s.file("empty", 0)
	s.file("part", 1000)
	s.get("/small")
	s.get("/small")
	s.get("/empty")
	s.wantTotals(Totals{Started: 3, Complete: 3, Delivered: 2000})
	if d := s.Downloads(); len(d) != 0 {
		t.Errorf("downloads %+v", d)
	}
	// Of what is known already a small file is not another download.
	s.get("/part", "Range: bytes=0-99")
	s.get("/small")
	s.get("/part")
	s.wantTotals(Totals{Started: 5, Complete: 5, Delivered: 4100, Duplicate: 100})
	if d := s.one(); d.Path != "/part" || d.Requests != 2 || d.Outcome != Complete {
		t.Errorf("the download is %+v", d)
	}
	if e := s.events(1); len(e) != 1 || e[0].Path != "/part" {
		t.Errorf("told %+v", e)
	}
}

func TestSmallFilesAreEventsIfThatIsAsked(t *testing.T) {
	s := serve(t, Config{})
	s.file("small", 1000)
	s.get("/small")
	if e := s.events(1)[0]; e.Path != "/small" || e.Outcome != "complete" || e.Requests != 1 || e.Delivered != 1000 {
		t.Errorf("told %+v", e)
	}
	s.wantTotals(Totals{Started: 1, Complete: 1, Delivered: 1000})
	s.Configure(time.Minute, 5000)
	s.get("/small")
	s.wantTotals(Totals{Started: 2, Complete: 2, Delivered: 2000})
	if d := s.Downloads(); len(d) != 1 {
		t.Errorf("kept %+v, want the first alone", d)
	}
}

func TestDownloadsOfOthersAreOthers(t *testing.T) {
	s := serve(t, Config{})
	s.file("file", fileSize)
	s.file("file2", fileSize)
	half := "Range: bytes=0-524287"
	s.get("/file", half)
	s.get("/file", half, "X-User: anna")
	s.get("/file", half, "X-User: 127.0.0.1") // who calls himself like an address
	s.get("/file2", half)
	s.age("file2", 2*time.Hour) // another version
	s.get("/file2", half)
	s.wantTotals(Totals{Started: 5, Active: 5, Delivered: 5 * fileSize / 2})
	s.get("/file", "Range: bytes=524288-", "X-User: anna")
	s.wantTotals(Totals{Started: 5, Complete: 1, Active: 4, Delivered: 3 * fileSize})
	downloads := s.Downloads()
	if !slices.IsSortedFunc(downloads, func(a, b Download) int { return b.Started.Compare(a.Started) }) {
		t.Errorf("not the newest first: %+v", downloads)
	}
}

func TestDownloadIsAbandoned(t *testing.T) {
	s := serve(t, Config{Expiry: time.Millisecond})
	const size = 256 << 20
	s.file("file", size)
	// As long as it is in flight nothing expires, however long that is.
	c := s.dial()
	c.send(t, "GET", "/file")
	c.take(t, 1000)
	time.Sleep(20 * time.Millisecond)
	if got := s.Totals(); got.Active != 1 || got.Abandoned != 0 {
		t.Errorf("while it is in flight: %+v", got)
	}
	c.reset()
	e := s.events(1)[0]
	if e.Outcome != "abandoned" || e.Delivered < 1000 || e.Delivered >= size || e.Covered != e.Delivered || e.Requests != 1 {
		t.Errorf("told %+v", e)
	}
	s.wantTotals(Totals{Started: 1, Abandoned: 1, Delivered: e.Delivered})
	if d := s.one(); d.Outcome != Abandoned {
		t.Errorf("the download is %+v", d)
	}
}

// A shorter time holds for what waits already.
func TestExpiryChangesWhileDownloadsWait(t *testing.T) {
	s := serve(t, Config{Expiry: time.Hour})
	s.file("file", fileSize)
	s.get("/file", "Range: bytes=0-9")
	s.wantTotals(Totals{Started: 1, Active: 1, Delivered: 10})
	s.Configure(time.Millisecond, 0)
	s.until("it is abandoned", func() bool { return s.Totals().Abandoned == 1 })
}

func TestCompressedDownload(t *testing.T) {
	s := serve(t, Config{}, static.Config{Compress: true})
	text := bytes.Repeat([]byte("all work and no play makes jack a dull boy\n"), 50000)
	if err := os.WriteFile(filepath.Join(s.dir, "text.txt"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.age("text.txt", time.Hour)
	resp, body := s.get("/text.txt", "Accept-Encoding: gzip")
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("answered %v", resp.Header)
	}
	d := s.one()
	if d.Outcome != Complete || d.Delivered != int64(len(body)) || d.Size != int64(len(text)) || d.Covered != d.Size {
		t.Errorf("%d bytes came of %d; the download is %+v", len(body), len(text), d)
	}
	// Not compressed it is another representation, with another ETag.
	s.get("/text.txt", "Range: bytes=0-9")
	s.wantTotals(Totals{Started: 2, Complete: 1, Active: 1, Delivered: int64(len(body)) + 10})
}

func TestFileThatChangesWhileItIsSent(t *testing.T) {
	s := serve(t, Config{})
	const size = 64 << 20
	s.file("file", size)
	c := s.dial()
	c.send(t, "GET", "/file")
	c.take(t, 1000)
	if err := os.Truncate(filepath.Join(s.dir, "file"), size/2); err != nil {
		t.Fatal(err)
	}
	_, _ = c.r.WriteTo(new(bytes.Buffer))
	d := s.one()
	logged := parse[record](t, s.log)
	if len(logged) != 1 || logged[0].Outcome != "source_changed" || d.Delivered != logged[0].Sent || d.Outcome != Active || d.Size != size {
		t.Errorf("logged %+v; the download is %+v", logged, d)
	}
	s.age("file", time.Hour)
	s.get("/file")
	s.wantTotals(Totals{Started: 2, Complete: 1, Active: 1, Delivered: d.Delivered + size/2})
}

func TestTableIsBounded(t *testing.T) {
	s := serve(t, Config{EventsFrom: 1 << 40})
	s.file("file", fileSize)
	s.file("busy", 256<<20)
	c := s.dial()
	c.send(t, "GET", "/busy", "X-User: busy")
	c.take(t, 1000)
	const more = 10
	over := s.dial()
	for i := range maxDownloads + more - 1 { // with the busy one as many as there is room for, and more
		over.send(t, "GET", "/file", "Range: bytes=0-0", fmt.Sprintf("X-User: %d", i))
		over.take(t, 1)
	}
	s.until("only one is in flight", func() bool { return s.Active() == 1 })
	totals := s.Totals()
	if totals.Started != maxDownloads+more || totals.Active != maxDownloads || totals.Evicted != more {
		t.Errorf("totals %+v", totals)
	}
	// The oldest are gone, but not the one in flight.
	for _, d := range s.Downloads() {
		var n int
		_, _ = fmt.Sscan(d.Client, &n)
		if gone := d.Client != "busy" && n < more; gone != (d.Outcome == Evicted) {
			t.Errorf("the download is %+v", d)
		}
	}
	c.reset()
	s.quiet()
}

// When all are in flight one of those has to go, and its end is the end of
// nothing.
func TestBusyDownloadIsEvicted(t *testing.T) {
	s := serve(t, Config{EventsFrom: 1 << 40})
	s.file("file", 256<<20)
	c := s.dial()
	c.send(t, "GET", "/file")
	c.take(t, 1000)
	s.downloads.mu.Lock()
	s.downloads.evict()
	s.downloads.mu.Unlock()
	c.reset()
	s.quiet()
	if got := s.Totals(); got.Started != 1 || got.Evicted != 1 || got.Active != 0 || got.Delivered < 1000 {
		t.Errorf("totals %+v", got)
	}
}

func TestManyRangesOfOneDownload(t *testing.T) {
	s := serve(t, Config{})
	s.file("file", 2<<20)
	const each = 64
	c := s.dial()
	for from := 0; from < maxSpans+each; from += each {
		var ranges strings.Builder
		for i := from; i < from+each; i++ {
			fmt.Fprintf(&ranges, ",%d-%d", 2*i, 2*i)
		}
		c.send(t, "GET", "/file", "Range: bytes="+ranges.String()[1:])
		c.skip(t)
	}
	d := s.one()
	if d.Delivered != maxSpans+each || d.Covered != maxSpans {
		t.Errorf("of %d single bytes %d are known", d.Delivered, d.Covered)
	}
	// It can still be completed, and forgets what it consisted of.
	s.get("/file")
	s.wantTotals(Totals{Started: 1, Complete: 1, Delivered: 2<<20 + maxSpans + each, Duplicate: maxSpans})
	s.downloads.mu.Lock()
	defer s.downloads.mu.Unlock()
	if s.downloads.spans != 0 {
		t.Errorf("%d ranges are counted, of no download", s.downloads.spans)
	}
}

func TestDownloadsLeftAtTheEndAreAbandoned(t *testing.T) {
	said := &lines{}
	t.Run("server", func(t *testing.T) {
		s := serve(t, Config{})
		said = s.said
		s.file("file", fileSize)
		for i := range eventQueue + 10 {
			s.get("/file", "Range: bytes=0-99", fmt.Sprintf("X-User: %d", i))
		}
		s.quiet()
	})
	abandoned := 0
	for _, e := range parse[event](t, said) {
		if e.Outcome == "abandoned" {
			abandoned++
		}
	}
	if abandoned != eventQueue+10 {
		t.Errorf("%d are told to be abandoned", abandoned)
	}
}
