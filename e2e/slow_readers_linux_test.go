package e2e

// Readers that take next to nothing, by the thousand, are an attack on the memory that
// TCP has on the whole machine: what the kernel holds for each of them has to be little.

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestReaderThatTakesNothingFillsLittleOfTheKernel(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { readerThatTakesNothing(t, "--engine", engine) })
		t.Run(engine+", at a rate", func(t *testing.T) { readerThatTakesNothing(t, "--engine", engine, "--rate", "100MB") })
	}
}

func readerThatTakesNothing(t *testing.T, flags ...string) {
	t.Helper()
	const size, most = 64 << 20, 256 << 10
	folder := t.TempDir()
	sparse(t, folder, "big", size)
	s := start(t, append(flags, folder)...)
	c := dial(t, s.addr, 4<<10)
	c.send(t, getRequest("/big"))
	if status := c.header(t); !strings.Contains(status, "200") {
		t.Fatalf("answered %q", status)
	}
	local := c.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort()
	// The server's kernel has filled up when it holds the same twice: each look takes
	// longer than it needs.
	held := int64(-1)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		now := sendQueue(t, s.addr, local)
		if now > 0 && now == held {
			break
		}
		held = now
	}
	if held <= 0 {
		t.Fatal("nothing waits for the reader")
	}
	_ = c.SetLinger(0)
	_ = c.Close()
	if r := s.records(1)[0]; r.Sent > most || r.Outcome != "aborted" {
		t.Errorf("the kernel took %d bytes of %d for a reader that took nothing, outcome %s; want at most %d and aborted", r.Sent, size, r.Outcome, most)
	}
	if held > most {
		t.Errorf("the kernel holds %d bytes for a reader that takes nothing", held)
	}
}

// sendQueue is what the kernel holds at the server's end of a connection from local;
// see proc_net_tcp in the kernel's documentation.
func sendQueue(t *testing.T, addr string, local netip.AddrPort) int64 {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	server := netip.MustParseAddrPort(addr)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", server.Port())) && strings.HasSuffix(fields[2], fmt.Sprintf(":%04X", local.Port())) {
			queue, _, _ := strings.Cut(fields[4], ":")
			n, err := strconv.ParseInt(queue, 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}
