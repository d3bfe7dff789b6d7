package listing

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestErrorPages(t *testing.T) {
	addr := serveApp(t, func(app *fiber.App) {
		app.Use(func(c *fiber.Ctx) error {
			// What a handler may have set before it failed.
			c.Set(fiber.HeaderETag, `"x"`)
			c.Set(fiber.HeaderLastModified, "Fri, 20 Nov 2026 01:02:03 GMT")
			c.Set(fiber.HeaderContentDisposition, "attachment")
			c.Set(fiber.HeaderContentEncoding, "gzip")
			c.Set(fiber.HeaderAllow, "GET, HEAD")
			c.Set(fiber.HeaderRetryAfter, c.Query("after", "0"))
			return fiber.NewError(c.QueryInt("status"), "secret <b>detail</b>")
		})
	})
	for _, status := range []int{400, 401, 403, 404, 405, 412, 416, 429, 431, 500, 503, 418, 507} {
		path := fmt.Sprintf("http://%s/%%3Cscript%%3Ex/secret?status=%d&after=1", addr, status)
		page, problem, line := ask(t, "GET", path, browser), ask(t, "GET", path, "Accept: application/problem+json"), ask(t, "GET", path)
		for _, got := range []response{page, problem, line} {
			if got.StatusCode != status || strings.Contains(got.body, "secret") || got.Header.Get("Vary") != "Accept" || got.Header.Get("Allow") == "" {
				t.Errorf("%d: %d %v %s", status, got.StatusCode, got.Header, got.body)
			}
			for _, field := range []string{"ETag", "Last-Modified", "Content-Disposition", "Content-Encoding"} {
				if got.Header.Get(field) != "" {
					t.Errorf("%d has %s", status, field)
				}
			}
		}
		var p map[string]any
		if err := json.Unmarshal([]byte(problem.body), &p); err != nil {
			t.Fatal(err)
		}
		title, _ := p["title"].(string)
		if problem.Header.Get("Content-Type") != "application/problem+json" || p["type"] != "about:blank" || p["status"] != float64(status) || title == "" {
			t.Errorf("%d: %s", status, problem.body)
		}
		if want := fmt.Sprintf("%d %s\n", status, title); line.body != want {
			t.Errorf("%d: the line is %q, want %q", status, line.body, want)
		}
		doc := parsePage(t, page.body)
		if got := text(all(doc, "h1", "")[0]); got != title {
			t.Errorf("%d: the heading is %q, want %q", status, got, title)
		}
		if status == 503 && !strings.Contains(text(doc), "Try again in a second.") {
			t.Errorf("503 says %s", text(doc))
		}
		if len(page.body) > 16<<10 {
			t.Errorf("%d: %d bytes", status, len(page.body))
		}
	}
}

// The link leads to where a folder can be, whatever the mount and the depth.
func TestErrorPagesLeadToTheFolder(t *testing.T) {
	addr := serveFolder(t, t.TempDir(), "/mount")
	for path, want := range map[string]string{
		"/nothing": "./", "/": "./", "/mount/a/b": "./", "/mount/a/b/": "../", "/mount/a%2f": "./",
	} {
		doc := parsePage(t, ask(t, "GET", "http://"+addr+path, browser).body)
		if got := attr(all(doc, "a", "button")[0], "href"); got != want && path != "/mount/a%2f" {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := ask(t, "HEAD", "http://"+addr+"/nothing", browser); got.StatusCode != 404 || got.body != "" || got.ContentLength <= 0 {
		t.Errorf("HEAD: %d, %d bytes of %d", got.StatusCode, len(got.body), got.ContentLength)
	}
}
