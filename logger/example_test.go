package logger_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"

	"fullbore/logger"
)

// get asks the app for a path and waits for the end of the response.
func get(app *fiber.App, path string) {
	resp, err := app.Test(httptest.NewRequest(http.MethodGet, path, nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close() // app.Test has it in memory
}

// The configuration is that of Fiber's own logger, but for CountStreams. Of /pipe
// Fiber's logger says -1, or up to 2.52.5 reads it into memory.
func ExampleNew() {
	app := fiber.New()
	app.Use(logger.New(logger.Config{
		Format:       "${status} ${method} ${path} ${bytesSent} ${outcome}\n",
		Output:       os.Stdout,
		CountStreams: true,
	}))
	app.Get("/page", func(c *fiber.Ctx) error { return c.SendString("hello") })
	app.Get("/pipe", func(c *fiber.Ctx) error {
		return c.SendStream(io.MultiReader(strings.NewReader("of unknown length")))
	})
	get(app, "/page")
	get(app, "/pipe")
	get(app, "/none")
	// Output:
	// 200 GET /page 5 complete
	// 200 GET /pipe 17 complete
	// 404 GET /none 16 complete
}

// JSON with the fields that are wanted, in this order.
func ExampleConfig_fields() {
	app := fiber.New()
	app.Use(logger.New(logger.Config{
		Format: logger.FormatJSON,
		Fields: []string{"method", "path", "status", "bytes_sent", "outcome", "user_agent"},
		Output: os.Stdout,
	}))
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("hello") })
	get(app, "/")
	// Output:
	// {"method":"GET","path":"/","status":200,"bytes_sent":5,"outcome":"complete","user_agent":""}
}

// A custom tag is asked when the handlers are done. What it writes is not
// escaped, so it must not write what a client sent as it is.
func ExampleConfig_customTags() {
	app := fiber.New()
	app.Use(logger.New(logger.Config{
		Format: "${path} ${kind:file} ${bytesSent}\n",
		CustomTags: map[string]logger.LogFunc{
			"kind:": func(out logger.Buffer, c *fiber.Ctx, _ *logger.Data, word string) (int, error) {
				return out.WriteString(word + filepath.Ext(c.Route().Path))
			},
		},
		Output: os.Stdout,
	}))
	app.Get("/debian.iso", func(c *fiber.Ctx) error { return c.SendString("bytes") })
	get(app, "/debian.iso")
	// Output:
	// /debian.iso file.iso 5
}

// With a zerolog logger the records are its events, at a level by status.
func ExampleConfig_logger() {
	zl := zerolog.New(os.Stdout).With().Str("service", "mirror").Logger()
	app := fiber.New()
	app.Use(logger.New(logger.Config{
		Logger: &zl,
		Fields: []string{"status", "path", "bytes_sent"},
	}))
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("hello") })
	app.Get("/broken", func(*fiber.Ctx) error { return fiber.ErrBadGateway })
	get(app, "/")
	get(app, "/none")
	get(app, "/broken")
	// Output:
	// {"level":"info","service":"mirror","status":200,"path":"/","bytes_sent":5}
	// {"level":"warn","service":"mirror","status":404,"path":"/none","bytes_sent":16}
	// {"level":"error","service":"mirror","status":502,"path":"/broken","bytes_sent":11}
}

// Requests put their lines into the Writer and go on; its goroutine writes them
// to the file, which begins anew each day or at 100 MB.
func ExampleNewWriter() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	name := filepath.Join(dir, "access.log")
	file, err := logger.NewRotatingFile(name, logger.RotateConfig{
		MaxSize: 100e6, MaxAge: 24 * time.Hour, Keep: 14, Compress: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := logger.NewWriter(file)

	app := fiber.New()
	app.Use(logger.New(logger.Config{Format: "${status} ${path} ${bytesSent}\n", Output: lines}))
	app.Get("/", func(c *fiber.Ctx) error { return c.SendString("hello") })
	get(app, "/")

	// When the server has stopped: first the Writer, then what is below it.
	fmt.Println(lines.Close(), file.Close())
	text, err := os.ReadFile(name)
	fmt.Println(string(text), err)
	// Output:
	// <nil> <nil>
	// 200 / 5
	//  <nil>
}
