//go:build !linux

package wire

// PeerLeft does not know whether the peer has closed the connection.
func (c *Conn) PeerLeft() bool { return false }
