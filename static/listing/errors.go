package listing

// An error page says what the status means and what can be done; nothing of the
// request, and nothing of the disk.

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/reply"
)

// details are a sentence for a status.
var details = map[int]string{
	fiber.StatusBadRequest:                   "The server does not understand this request.",
	fiber.StatusUnauthorized:                 "This needs a name and a password, or other credentials.",
	fiber.StatusForbidden:                    "This may not be opened from here.",
	fiber.StatusNotFound:                     "There is nothing here. It may have been moved or removed.",
	fiber.StatusMethodNotAllowed:             "This can be read, but not with that method.",
	fiber.StatusRequestTimeout:               "The request took too long to arrive.",
	fiber.StatusConflict:                     "Something else happened here at the same time.",
	fiber.StatusGone:                         "This was here, and is no more.",
	fiber.StatusLengthRequired:               "The request must say how long it is.",
	fiber.StatusPreconditionFailed:           "The file is not the version that was asked for. It may have changed.",
	fiber.StatusRequestEntityTooLarge:        "What was sent is too large.",
	fiber.StatusRequestURITooLong:            "The address is too long.",
	fiber.StatusRequestedRangeNotSatisfiable: "The file has no such part. It may have become shorter.",
	fiber.StatusExpectationFailed:            "The server cannot do what the request expects.",
	fiber.StatusTooManyRequests:              "Too many requests came from you.",
	fiber.StatusRequestHeaderFieldsTooLarge:  "The request's header is too large. Cookies are the usual reason.",
	fiber.StatusInternalServerError:          "Something went wrong in the server. Its log says what.",
	fiber.StatusNotImplemented:               "The server cannot do that.",
	fiber.StatusBadGateway:                   "The server that has this does not answer as it should.",
	fiber.StatusServiceUnavailable:           "The server is busy.",
	fiber.StatusGatewayTimeout:               "The server that has this does not answer.",
	fiber.StatusInsufficientStorage:          "The server has no room left.",
}

// again are the statuses after which it helps to try again.
var again = map[int]bool{
	fiber.StatusRequestTimeout: true, fiber.StatusTooManyRequests: true, fiber.StatusInternalServerError: true,
	fiber.StatusBadGateway: true, fiber.StatusServiceUnavailable: true, fiber.StatusGatewayTimeout: true,
}

// AnswerError sends an error page: HTML, JSON (RFC 9457) or one line of text,
// chosen as for a listing. It leaves header fields that explain the status,
// such as Retry-After and Allow, and removes those that describe a file. It
// does not fail; the error is there to fit Fiber's ErrorHandler.
func AnswerError(c *fiber.Ctx, status int) error {
	return answerProblem(c, reply.NewProblem(status, details[status]), false)
}

// AnswerProblem is AnswerError for whoever has more to say than the status does. The
// text has its Detail as a second line.
func AnswerProblem(c *fiber.Ctx, p reply.Problem) error { return answerProblem(c, p, true) }

func answerProblem(c *fiber.Ctx, p reply.Problem, told bool) error {
	if seconds, err := strconv.Atoi(c.GetRespHeader(fiber.HeaderRetryAfter)); err == nil && seconds > 0 {
		p.Detail = strings.TrimSpace(p.Detail + " Try again in " + inWords(seconds) + ".")
	}
	header := &c.Response().Header
	for _, field := range []string{
		fiber.HeaderLastModified, fiber.HeaderETag, fiber.HeaderContentDisposition, fiber.HeaderContentEncoding, fiber.HeaderLink,
	} {
		header.Del(field)
	}
	format := reply.FormatOf(c)
	setHeaders(c, format)
	c.Status(p.Status)
	switch format {
	case reply.HTML:
		c.Set(fiber.HeaderContentSecurityPolicy, errorPolicy)
		b := errorHTML(c, p)
		c.Context().SetBodyStream(b, b.measure())
	case reply.JSON:
		return p.SendJSON(c)
	default:
		text := strconv.Itoa(p.Status) + " " + p.Title + "\n"
		if told && p.Detail != "" {
			text += p.Detail + "\n"
		}
		c.Response().SetBodyRaw([]byte(text))
	}
	return nil
}

// inWords is a number of seconds.
func inWords(n int) string {
	if n == 1 {
		return "a second"
	}
	return strconv.Itoa(n) + " seconds"
}

// errorHTML is the page. Its link leads to the folder that the request names a
// file in, or is above the folder that it names; nobody knows where the root is.
func errorHTML(c *fiber.Ctx, p reply.Problem) *body {
	v := struct {
		reply.Problem
		Again      bool
		Up, UpText string
	}{p, again[p.Status], "./", "Go to the folder"}
	if path := c.Path(); path == "/" {
		v.UpText = "Go to the start"
	} else if strings.HasSuffix(path, "/") {
		v.Up, v.UpText = "../", "Go to the folder above"
	}
	return &body{before: [][]byte{errorHead, executed("error", v), errorTail}}
}
