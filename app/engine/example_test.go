package engine_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/engine"
)

// A Fiber app that knows nothing of event loops runs on them.
func ExampleServe() {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("hello") })
	app.Handler() // builds the routes

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- engine.Serve(ln, app.Server()) }()

	resp, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	fmt.Println(resp.Status, string(body))
	http.DefaultClient.CloseIdleConnections()
	_ = ln.Close()
	fmt.Println(<-ended)
	// Output:
	// 200 OK hello
	// <nil>
}
