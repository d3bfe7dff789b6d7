package transfer

import (
	"fmt"
	"testing"
	"time"
)

// A request for a piece that another connection has got meanwhile belongs to the
// download that it came too late for; one that begins anew does not.
func TestLateRequestIsPartOfItsDownload(t *testing.T) {
	s := serve(t, Config{})
	s.straggle(time.Hour)
	s.file("file", fileSize)
	half := fmt.Sprintf("Range: bytes=%d-", fileSize/2)
	s.get("/file", fmt.Sprintf("Range: bytes=0-%d", fileSize/2-1))
	s.get("/file", half)
	s.get("/file", half)
	s.quiet()
	if d := s.one(); d.Requests != 3 || d.Covered != fileSize || d.Duplicate != fileSize/2 || d.Outcome != Active {
		t.Errorf("the download is %+v", d)
	}
	s.get("/file")
	s.quiet()
	s.wantTotals(Totals{Started: 2, Complete: 2, Delivered: 2*fileSize + fileSize/2, Duplicate: fileSize / 2})
}

func TestDownloadEndsWhenNoRequestIsLate(t *testing.T) {
	s := serve(t, Config{})
	s.straggle(50 * time.Millisecond)
	s.file("file", fileSize)
	s.get("/file", fmt.Sprintf("Range: bytes=0-%d", fileSize/2-1))
	s.get("/file", fmt.Sprintf("Range: bytes=%d-", fileSize/2))
	for deadline := time.Now().Add(patience); s.Totals().Complete == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("totals %+v", s.Totals())
		}
	}
	if e := s.events(1)[0]; e.Outcome != "complete" {
		t.Errorf("told %+v", e)
	}
}

func TestStopCompletesWhatIsCovered(t *testing.T) {
	s := serve(t, Config{})
	s.straggle(time.Hour)
	s.file("file", fileSize)
	s.get("/file", fmt.Sprintf("Range: bytes=0-%d", fileSize/2-1))
	s.get("/file", fmt.Sprintf("Range: bytes=%d-", fileSize/2))
	s.quiet()
	s.Close()
	s.wantTotals(Totals{Started: 1, Complete: 1, Delivered: fileSize})
}
