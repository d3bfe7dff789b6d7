package logger

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
)

// A record names the limit that refused its request, and has no such field otherwise.
func TestRuleIsInTheRecordsOfRefusedRequests(t *testing.T) {
	limited := func(app *fiber.App) {
		app.Get("/:status", func(c *fiber.Ctx) error {
			status, err := c.ParamsInt("status")
			c.Context().SetUserValue(RuleKey, "client-downloads")
			c.Status(status)
			return err
		})
		app.Get("/plain/error", func(*fiber.Ctx) error { return fiber.ErrTooManyRequests })
	}
	for _, test := range []struct {
		cfg                    Config
		refused, served, plain string
	}{
		{Config{Format: "${status} ${rule}\n"}, "429 client-downloads\n", "200 -\n", "429 -\n"},
		{Config{Format: FormatJSON, Fields: []string{"status", "rule", "method"}}, `{"status":429,"rule":"client-downloads","method":"GET"}` + "\n", `{"status":200,"method":"GET"}` + "\n", `{"status":429,"method":"GET"}` + "\n"},
		{Config{Format: FormatJSON, Fields: []string{"status", "rule"}}, `{"status":429,"rule":"client-downloads"}` + "\n", `{"status":200}` + "\n", `{"status":429}` + "\n"},
		{Config{Format: FormatJSON, Fields: []string{"rule", "status"}}, `{"rule":"client-downloads","status":429}` + "\n", `{"rule":"","status":200}` + "\n", `{"rule":"","status":429}` + "\n"},
	} {
		addr, log, stop := serve(t, test.cfg, true, limited)
		for _, path := range []string{"/429", "/200", "/plain/error"} {
			exchange(t, addr, get(path))
		}
		stop()
		if want := test.refused + test.served + test.plain; log.String() != want {
			t.Errorf("%s %v logs\n%swant\n%s", test.cfg.Format, test.cfg.Fields, log, want)
		}
	}
}

// An event of zerolog is without the field, too, and an Observer knows the rule.
func TestRuleInEventsAndResults(t *testing.T) {
	var seen []string
	events := &output{}
	log := zerolog.New(events)
	addr, _, stop := serve(t, Config{Logger: &log, Fields: []string{"status", "rule"}, Observer: ended(func(r *Result) { seen = append(seen, r.Rule) })}, true, func(app *fiber.App) {
		app.Get("/refused", func(c *fiber.Ctx) error {
			c.Context().SetUserValue(RuleKey, "queue")
			return c.SendStatus(fiber.StatusServiceUnavailable)
		})
		app.Get("/served", func(c *fiber.Ctx) error { return c.SendString("ok") })
	})
	exchange(t, addr, get("/refused"))
	exchange(t, addr, get("/served"))
	stop()
	const want = `{"level":"error","status":503,"rule":"queue"}` + "\n" + `{"level":"info","status":200}` + "\n"
	if events.String() != want {
		t.Errorf("events\n%swant\n%s", events, want)
	}
	if got := strings.Join(seen, ","); got != "queue," {
		t.Errorf("results have %q", got)
	}
}

// overdue is the error of a limit of time.
type overdue string

func (o overdue) Error() string { return string(o) }
func (o overdue) Rule() string  { return string(o) }
func (overdue) Unwrap() error   { return os.ErrDeadlineExceeded }

// A limit of time that ends a request or a response is named by the error.
func TestRuleOfWhatTookTooLong(t *testing.T) {
	addr, log, stop := serve(t, Config{Format: "${path} ${outcome} ${rule}\n"}, true, func(app *fiber.App) {
		app.Get("/request", func(*fiber.Ctx) error { return fmt.Errorf("%w: %w", fiber.ErrRequestTimeout, overdue("head-timeout")) })
		app.Get("/response", func(c *fiber.Ctx) error {
			c.Context().SetBodyStream(struct{ io.Reader }{io.MultiReader(strings.NewReader("01234"), iotest.ErrReader(overdue("minimum-rate")))}, 10)
			return nil
		})
		app.Get("/other", func(*fiber.Ctx) error { return os.ErrDeadlineExceeded })
	})
	for _, path := range []string{"/request", "/response", "/other"} {
		exchange(t, addr, get(path))
	}
	stop()
	const want = "/request complete head-timeout\n/response timeout minimum-rate\n/other complete -\n"
	if log.String() != want {
		t.Errorf("logged\n%swant\n%s", log, want)
	}
}
