//go:build linux

package load

// This file asks the kernel how full a socket's send buffer is. It exists because
// a quiet connection is not yet a stalled one: on a busy machine the server may
// have room to write and be waiting for the processor. /proc shows the bytes, but
// only sock_diag(7) shows the room.

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// room is what a send buffer can still take.
type room int

const (
	roomUnknown room = iota // not visible from here
	roomNone                // full: nothing more can be written
	roomSome                // a write would succeed, but the kernel wakes no writer for so little
	roomEnough              // a writer has been woken and will write
)

// Sizes and values of sock_diag(7) and linux/inet_diag.h.
const (
	diagRequestSize  = 56
	diagMessageSize  = 72
	diagSockIDOffset = 8
	diagTimer        = 2  // idiag_timer
	diagProbing      = 4  // of a zero window
	diagWriteQueue   = 60 // idiag_wqueue: written, not acknowledged
	diagSKMemInfo    = 7  // attribute: __u32 per field of SK_MEMINFO_*
	memSendBuffer    = 3
	memWriteQueued   = 5
)

// diagSocket is what sock_diag shows of one socket.
type diagSocket struct {
	socketRow
	room room
}

// diagnose looks at the socket local->remote of this network namespace. Kernels
// without inet_diag, and connections of another namespace, have none.
func diagnose(local, remote netip.AddrPort) (diagSocket, bool) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return diagSocket{}, false
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Sendto(fd, diagRequest(unmapped(local), unmapped(remote)), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return diagSocket{}, false
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, unix.MSG_DONTWAIT) // the kernel has answered before Sendto returned
	if err != nil || n < unix.SizeofNlMsghdr+diagMessageSize || binary.NativeEndian.Uint16(answer[4:]) != unix.SOCK_DIAG_BY_FAMILY {
		return diagSocket{}, false
	}
	message := answer[unix.SizeofNlMsghdr:min(n, int(binary.NativeEndian.Uint32(answer)))]
	if len(message) < diagMessageSize {
		return diagSocket{}, false
	}
	return diagSocket{
		socketRow: socketRow{
			unacked: int64(binary.NativeEndian.Uint32(message[diagWriteQueue:])),
			probing: message[diagTimer] == diagProbing,
		},
		room: sendRoom(message[diagMessageSize:]),
	}, true
}

// sendRoom is what the SKMEMINFO attribute says of the send buffer. The
// thresholds are the kernel's own: sk_stream_memory_free for a write, and a
// third of the buffer, sk_stream_is_writeable, for waking a writer.
func sendRoom(attributes []byte) room {
	memory, ok := diagAttribute(attributes)
	if !ok {
		return roomUnknown
	}
	queued := int64(binary.NativeEndian.Uint32(memory[4*memWriteQueued:]))
	limit := int64(binary.NativeEndian.Uint32(memory[4*memSendBuffer:]))
	switch {
	case queued >= limit:
		return roomNone
	case limit-queued < queued/2:
		return roomSome
	}
	return roomEnough
}

// diagRequest asks for one socket by its addresses.
func diagRequest(local, remote netip.AddrPort) []byte {
	request := make([]byte, unix.SizeofNlMsghdr+diagRequestSize)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST)
	body := request[unix.SizeofNlMsghdr:]
	body[0] = unix.AF_INET
	if local.Addr().Is6() {
		body[0] = unix.AF_INET6
	}
	body[1] = unix.IPPROTO_TCP
	body[2] = 1 << (diagSKMemInfo - 1)
	binary.NativeEndian.PutUint32(body[4:], ^uint32(0)) // in any state
	id := body[diagSockIDOffset:]
	binary.BigEndian.PutUint16(id, local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:], local.Addr().AsSlice())
	copy(id[20:], remote.Addr().AsSlice())
	binary.NativeEndian.PutUint64(id[40:], ^uint64(0)) // INET_DIAG_NOCOOKIE
	return request
}

// diagAttribute finds SKMEMINFO among netlink attributes: length, type, value,
// each padded to four bytes.
func diagAttribute(attributes []byte) ([]byte, bool) {
	for len(attributes) >= 4 {
		length := int(binary.NativeEndian.Uint16(attributes))
		if length < 4 || length > len(attributes) {
			break
		}
		value := attributes[4:length]
		if binary.NativeEndian.Uint16(attributes[2:]) == diagSKMemInfo && len(value) >= 4*(memWriteQueued+1) {
			return value, true
		}
		attributes = attributes[min(len(attributes), (length+3)&^3):]
	}
	return nil, false
}
