package static

// What others may do with a response whose header the connection may hold
// back: all of them get a whole answer, and the connection goes on.

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestResponsesThatOthersChange(t *testing.T) {
	dir := t.TempDir()
	content := noise(smallBody, 1)
	write(t, dir, "f", content)
	tests := map[string]struct {
		do     func(c *fiber.Ctx) error
		status int
		want   string
	}{
		"as it is": {func(*fiber.Ctx) error { return nil }, 200, content},
		"read":     {func(c *fiber.Ctx) error { return c.Send(bytes.ToUpper(c.Response().Body())) }, 200, strings.ToUpper(content)},
		"read part": {func(c *fiber.Ctx) error {
			_, err := io.CopyN(io.Discard, c.Response().BodyStream(), 10)
			c.Response().ResetBody()
			return err
		}, 200, ""},
		"replaced": {func(c *fiber.Ctx) error { return c.SendString("other") }, 200, "other"},
		"removed":  {func(c *fiber.Ctx) error { c.Response().ResetBody(); return nil }, 200, ""},
		"refused":  {func(*fiber.Ctx) error { return fiber.ErrTeapot }, 418, "I'm a teapot"},
		"copied": {func(c *fiber.Ctx) error {
			var buf bytes.Buffer
			err := c.Response().BodyWriteTo(&buf)
			c.Response().SetBody(buf.Bytes())
			return err
		}, 200, content},
		"with a large header": {func(c *fiber.Ctx) error { c.Set("X-Large", strings.Repeat("x", 6<<10)); return nil }, 200, content},
	}
	for kind, on := range sockets {
		for name, test := range tests {
			h, err := Open(dir, Config{ModifyResponse: test.do})
			if err != nil {
				t.Fatal(err)
			}
			conn := serveHandler(t, on, "/", h).dial(t)
			r := bufio.NewReader(conn)
			for range 2 {
				if _, err := io.WriteString(conn, request("GET", "/f")); err != nil {
					t.Fatal(err)
				}
				if got := readResponse(t, r, "GET", "/f"); got.StatusCode != test.status || got.body != test.want {
					t.Errorf("%s: %s: %d with %d bytes, want %d with %d", kind, name, got.StatusCode, len(got.body), test.status, len(test.want))
				}
			}
		}
	}
}
