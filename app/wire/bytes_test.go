//go:build linux

package wire

import (
	"testing"
	"time"
)

func TestListenerCountsWhatOpenAndClosedConnectionsDid(t *testing.T) {
	ln, server, client := pair(t, time.Minute)
	want := func(written, read int64) {
		t.Helper()
		if w, r := ln.Bytes(); w != written || r != read {
			t.Errorf("%d bytes written, %d read, want %d and %d", w, r, written, read)
		}
	}
	want(0, 0)
	if _, err := server.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if n, err := server.Read(make([]byte, 100)); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	want(1000, 10)
	server.Close()
	server.Close()
	want(1000, 10)
}
