//go:build linux

package load

// This file reads /proc/net/tcp and tcp6. It exists beside procfs, which reads
// them too, because procfs leaves out the one field that tells a closed window
// from a slow one: the timer.

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// socketRow is what the kernel shows of one socket.
type socketRow struct {
	unacked int64 // tx_queue: written, not acknowledged; bytes
	probing bool  // timer 4: probing a zero window (tcp4_seq_show in the kernel)
}

// searchTable finds the row of a connection in the text of a socket table.
// Lines that do not parse are not the one we look for.
func searchTable(text string, local, remote netip.AddrPort) (socketRow, bool) {
	localPort, remotePort := hexPort(local), hexPort(remote)
	for line := range strings.Lines(text) {
		// sl local rem st tx_queue:rx_queue tr:tm->when ...
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasSuffix(fields[1], localPort) || !strings.HasSuffix(fields[2], remotePort) {
			continue // most lines end here, before any parsing
		}
		if hexAddrPort(fields[1]) != unmapped(local) || hexAddrPort(fields[2]) != unmapped(remote) {
			continue
		}
		queues, _, _ := strings.Cut(fields[4], ":")
		unacked, err := strconv.ParseInt(queues, 16, 64)
		if err != nil {
			continue
		}
		return socketRow{unacked: unacked, probing: strings.HasPrefix(fields[5], "04:")}, true
	}
	return socketRow{}, false
}

func hexPort(address netip.AddrPort) string {
	var port [2]byte
	binary.BigEndian.PutUint16(port[:], address.Port())
	return ":" + strings.ToUpper(hex.EncodeToString(port[:]))
}

// hexAddrPort parses "0100007F:1F90": 32-bit words in the machine's byte order,
// then the port. What does not parse is the zero AddrPort.
func hexAddrPort(text string) netip.AddrPort {
	host, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	words, err := hex.DecodeString(host)
	if err != nil || len(words)%4 != 0 {
		return netip.AddrPort{}
	}
	for i := 0; i < len(words); i += 4 {
		binary.NativeEndian.PutUint32(words[i:], binary.BigEndian.Uint32(words[i:]))
	}
	address, ok := netip.AddrFromSlice(words)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(number))
}

// unmapped makes ::ffff:127.0.0.1 and 127.0.0.1 equal, and forgets the zone,
// which the table does not have.
func unmapped(address netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port())
}
