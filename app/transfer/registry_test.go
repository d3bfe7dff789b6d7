package transfer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// record is what the access log says.
type record struct {
	Status         int
	Outcome, Error string
	Sent           int64 `json:"bytes_sent"`
}

func (s *server) only() Transfer {
	s.t.Helper()
	var transfers []Transfer
	s.until("a response is on its way", func() bool {
		transfers = s.Transfers()
		return len(transfers) == 1 && transfers[0].State != Preparing && transfers[0].Sent > 0
	})
	return transfers[0]
}

func TestTransferIsSeenAndEnded(t *testing.T) {
	s := serve(t, Config{})
	const size = 1 << 30
	s.file("a file", size)
	c := s.dial()
	c.send(t, "GET", "/a%20file?x=y", "Range: bytes=1000-", "X-User: anna")
	c.take(t, 1<<20)

	got := s.only()
	s.until("what the client took is counted, once the call that sent it has returned", func() bool {
		got = s.only()
		return got.Sent >= 1<<20
	})
	if got.ID == 0 || got.Remote != "127.0.0.1" || got.User != "anna" || got.Method != "GET" ||
		got.Path != "/a file" || got.Kind != "file" || got.Status != 206 || got.Range != "1000-1073741823" ||
		got.State != Sending || got.Length != size-1000 || got.Received != 0 || got.Started.IsZero() || got.Age < 0 {
		t.Errorf("the transfer is %+v", got)
	}
	if got.Sent < 1<<20 || got.Sent >= got.Length || got.Rate <= 0 || got.ETA <= 0 {
		t.Errorf("of the transfer %d bytes went, at %f a second, and it takes %f more seconds", got.Sent, got.Rate, got.ETA)
	}
	d := s.Downloads()
	if len(d) != 1 || d[0].InFlight != 1 || d[0].Client != "anna" || d[0].Delivered < 1<<20 || d[0].Covered != d[0].Delivered || d[0].Outcome != Active {
		t.Errorf("the download is %+v", d)
	}

	if s.Cut(got.ID+1, io.EOF) || s.Cut(0, io.EOF) {
		t.Error("what is not there was ended")
	}
	if !s.Cut(got.ID, errors.New("ended by an operator")) {
		t.Fatal("it could not be ended")
	}
	if n, err := io.Copy(io.Discard, c.r); n >= got.Length-1<<20 {
		t.Errorf("the client got the whole body, and %v", err)
	}
	s.quiet()
	logged := parse[record](t, s.log)
	if len(logged) != 1 || logged[0].Outcome != "aborted" || logged[0].Error != "ended by an operator" || logged[0].Sent >= size-1000 {
		t.Errorf("logged %+v", logged)
	}
	if got := s.one(); got.Delivered != logged[0].Sent || got.Covered != logged[0].Sent || got.InFlight != 0 {
		t.Errorf("logged %d bytes; the download is %+v", logged[0].Sent, got)
	}
	if s.Cut(got.ID, io.EOF) {
		t.Error("it was ended twice")
	}
}

// What is shown while a response lasts must come to what is logged in the end.
func TestSentIsExactForLargeFiles(t *testing.T) {
	s := serve(t, Config{})
	const size = 1 << 30
	s.file("file", size)
	c := s.dial()
	c.send(t, "GET", "/file")
	c.take(t, 1<<20)
	last := int64(-1)
	s.until("the kernel takes no more", func() bool {
		time.Sleep(20 * time.Millisecond)
		now := s.only().Sent
		still := now == last
		last = now
		return still
	})
	c.reset()
	s.quiet()
	if logged := parse[record](t, s.log); len(logged) != 1 || logged[0].Sent != last {
		t.Errorf("it showed %d bytes and logged %+v", last, logged)
	}
}

func TestUploadIsSeen(t *testing.T) {
	s := serve(t, Config{})
	c := s.dial()
	c.send(t, "POST", "/upload", "Content-Length: 1000000")
	if _, err := c.Write(make([]byte, 500000)); err != nil {
		t.Fatal(err)
	}
	var got Transfer
	s.until("half of it came", func() bool {
		transfers := s.Transfers()
		if len(transfers) == 1 {
			got = transfers[0]
		}
		return got.Received > 400000
	})
	if got.State != Preparing || got.Method != "POST" || got.Path != "/upload" || got.Received > 500000 || got.Length != -1 || got.ETA != -1 {
		t.Errorf("the transfer is %+v", got)
	}
	if _, err := c.Write(make([]byte, 500000)); err != nil {
		t.Fatal(err)
	}
	c.take(t, 0)
	s.quiet()
}

func TestTransfersAreInTheOrderInWhichTheyCame(t *testing.T) {
	s := serve(t, Config{})
	s.file("file", 1<<30)
	var clients []*client
	for range 5 {
		c := s.dial()
		c.send(t, "GET", "/file")
		c.take(t, 1)
		clients = append(clients, c)
	}
	clients[2].reset()
	s.until("the third is gone", func() bool { return s.Active() == 4 })
	transfers := s.Transfers()
	for i, transfer := range transfers[1:] {
		if transfer.ID <= transfers[i].ID {
			t.Errorf("%d comes after %d", transfer.ID, transfers[i].ID)
		}
	}
	for _, c := range clients {
		c.reset()
	}
	s.quiet()
}

func TestUploadThatIsBrokenOffIsTakenOut(t *testing.T) {
	s := serve(t, Config{})
	c := s.dial()
	c.send(t, "POST", "/upload"+strings.Repeat("%C3%A9", 2), "Content-Length: 9")
	c.reset()
	s.quiet()
}

func TestRateIsThatOfTheLastTime(t *testing.T) {
	begin := time.Now()
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	e := &entry{marks: [2]mark{{at: begin}, {at: begin}}}
	for _, look := range []struct {
		at   float64
		sent int64
		want float64
	}{
		{0, 0, 0},
		{0.1, 100, 1000}, // the average, while there is nothing else
		{1, 1000, 1000},
		{1.1, 1000, 1000 / 1.1}, // another viewer, who leaves no mark
		{2, 1000, 0},            // since the mark at 1
		{2.25, 1500, 400},       // likewise
		{3, 3000, 2000},         // since the mark at 2
	} {
		if got := e.rate(at(look.at), look.sent); got < look.want-.01 || got > look.want+.01 {
			t.Errorf("at %v s, with %d bytes: %v bytes a second, want %v", look.at, look.sent, got, look.want)
		}
	}
}

// Everything at once, for the race detector.
func TestManyLookWhileManyDownload(t *testing.T) {
	s := serve(t, Config{Expiry: time.Millisecond, EventsFrom: 1 << 40})
	s.file("file", 4<<20)
	s.file("small", 100)
	stop := make(chan struct{})
	var looking, loading sync.WaitGroup
	for range 2 {
		looking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, transfer := range s.Transfers() {
					if transfer.ID%7 == 0 {
						s.Cut(transfer.ID, io.ErrClosedPipe)
					}
				}
				for _, d := range s.Downloads() {
					if d.Covered > d.Size || d.Duplicate > d.Delivered || d.Covered > d.Delivered {
						t.Errorf("the download is %+v", d)
					}
				}
				s.Configure(time.Millisecond, 1<<40)
				s.Totals()
			}
		})
	}
	for i := range 4 {
		loading.Go(func() {
			for j := range 50 {
				conn, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.SetDeadline(time.Now().Add(patience))
				for _, path := range []string{"/small", "/file", "/nope"} {
					_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-\r\n\r\n", path, i*j*1000)
				}
				_, _ = io.CopyN(io.Discard, conn, int64(j)<<16)
				conn.Close()
			}
		})
	}
	loading.Wait()
	close(stop)
	looking.Wait()
	s.quiet()
	s.until("all have ended", func() bool { return s.Totals().Active == 0 })
	if got := s.Totals(); got.Started == 0 || got.Started != got.Complete+got.Abandoned+got.Evicted {
		t.Errorf("totals %+v", got)
	}
}
