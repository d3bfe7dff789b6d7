//go:build linux && (amd64 || arm64)

package app

import (
	"io"
	"net"
	"testing"

	"fullbore/app/config"
	"fullbore/app/head"
	"fullbore/app/wire"
)

// noting is a connection that notes that it is to linger.
type noting struct {
	*wire.Conn
	lingers chan struct{}
}

func (n noting) NetConn() net.Conn { return n.Conn }

func (n noting) Linger() {
	select {
	case n.lingers <- struct{}{}:
	default:
	}
	n.Conn.Linger()
}

// The rest of a request that is refused early may still come. A connection that is closed
// then is reset, and the answer may be lost with it; found by FuzzServer on goroutines.
func TestRefusedRequestsMayStillBeSent(t *testing.T) {
	s := serveFuzzed(t, config.EngineGoroutines, t.TempDir())
	for _, raw := range []string{"hello", "GET /f HTTP/9.9\r\n", "GET /f HTTP/1.1\r\nA : b\r\n", "POST /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5"} {
		ln, err := net.Listen("unix", t.TempDir()+"/s")
		if err != nil {
			t.Fatal(err)
		}
		listener := wire.NewListener([]wire.ListeningSocket{ln.(*net.UnixListener)}, wire.Config{}) //nolint:forcetypeassert // see the network
		client, err := net.Dial("unix", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := listener.Entrances()[0].Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := noting{accepted.(*wire.Conn), make(chan struct{}, 1)} //nolint:forcetypeassert // a wire.Listener gives no other
		_, _ = io.WriteString(client, raw+"\r\n\r\n")
		served := make(chan struct{})
		go func() { defer close(served); _ = s.app.publicServer.ServeConn(head.NewConn(c, nil, head.DefaultLimit)) }()
		answer, err := io.ReadAll(client)
		client.Close()
		<-served
		select {
		case <-c.lingers:
		default:
			t.Errorf("%q: answered %.40q, %v, and closed over what may still come", raw, answer, err)
		}
		_ = listener.Close()
	}
}
