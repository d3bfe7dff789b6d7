// Package engine serves HTTP/1 on event loops. A connection that waits, for its
// next request or for its client to take what is sent, costs some hundred bytes
// instead of a goroutine, and files go from disk to socket by system calls that
// the scheduler need not know of.
//
// Any fasthttp or Fiber app can run on it:
//
//	app := fiber.New()
//	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("hello") })
//	app.Handler() // builds the routes
//	ln, err := net.Listen("tcp", ":8080")
//	...
//	err = engine.Serve(ln, app.Server())
//
// # What runs where
//
// A GET, HEAD or OPTIONS without a body is handled on the loop. A handler that
// is about to do what may take long should say so, by Conn.Block, which costs
// little; one that does not is found out after 10 ms, and the loop goes on
// elsewhere. All else (bodies, Expect, Upgrade, CONNECT) is served by fasthttp
// itself on a goroutine, behind a judge of every head, and comes back to the
// loop when it rests.
//
// A response is sent by the loop if its body is in memory, or is a Body. Other
// streams are read on a goroutine each. While a response is sent its
// RequestCtx is in use, unless all of its user values that have to be closed
// are Detachers.
//
// # What is not supported
//
// A handler on the loop cannot hijack its connection: an Upgrade or a CONNECT
// is handed to fasthttp and may. Serve leaves a server to fasthttp alone if it has
// HeaderReceived, WriteTimeout, MaxConnsPerIP, MaxRequestsPerConn,
// GetOnly, DisableHeaderNamesNormalizing, NoDefaultDate or
// NoDefaultContentType.
package engine

// Config of an Engine. The zero value is ready to use.
type Config struct {
	// Loops is how many event loops there are.
	//
	// Optional. Default: GOMAXPROCS
	Loops int

	// HeadLimit is how many bytes a request line and its fields may have.
	//
	// Optional. Default: head.DefaultLimit
	HeadLimit int
}
