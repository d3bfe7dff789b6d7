// Package limit is how much of the server clients may take, and what those are told who
// want more: caps, that are set, and overload, that is found out.
package limit

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/deadline"
	"fullbore/logger"
	"fullbore/static/listing"
	"fullbore/static/reply"
)

// The rules: what may refuse a request or a connection. They are the names of the
// settings where there are such, the values of labels, and stable.
const (
	Connections       = "connections"        // in all
	ClientConnections = "client-connections" // of one client
	Downloads         = "downloads"          // at once, in all
	ClientDownloads   = "client-downloads"   // of one client at once
	ClientRequests    = "client-requests"    // of one client a second
	Queue             = "queue"              // of downloads that wait
	Descriptors       = "descriptors"        // of the process
	Memory            = "memory"             // of the process
	Storage           = "storage"            // that fails

	// Of the time that a client takes.
	Head     = deadline.RuleHead
	Idle     = deadline.RuleIdle
	Upload   = deadline.RuleUpload
	Download = deadline.RuleDownload
)

// rules say what was refused, and what to do, for whom a new try in a while is not all.
var rules = [...]struct{ name, detail string }{
	{Connections, "The server has as many connections as it may."},
	{ClientConnections, "There are as many connections from your address as one may have. Close some."},
	{Downloads, "As many files are being sent as may be at once."},
	{ClientDownloads, "There are as many downloads for your address as one may have at once. Let one of them end."},
	{ClientRequests, "Too many requests came from your address in a short time. Ask more slowly."},
	{Queue, "Too many downloads wait for their turn already."},
	{Descriptors, "The server has as many files and connections open as it may."},
	{Memory, "The server is short of memory."},
	{Storage, "The disk that has the files does not answer as it should."},
	{Head, "The head of the request did not come in time."},
	{Idle, "The body of the request did not come in time."},
	{Upload, "The body of the request came too slowly."},
	{Download, "The response was taken too slowly."},
}

// ruleOf is the place of a rule, -1 if there is none of that name.
func ruleOf(name string) int {
	for i := range rules {
		if rules[i].name == name {
			return i
		}
	}
	return -1
}

// Refuse answers a request that a rule refuses: with 429 where the client has to do
// less, with 503 where others have to. The answer names the rule, as does the request's
// record, from which it is counted. retryAfter is when a new try may succeed, rounded up
// to seconds; 0 is not said.
func Refuse(c *fiber.Ctx, rule string, status int, retryAfter time.Duration) error {
	p := reply.NewProblem(status, "")
	if i := ruleOf(rule); i >= 0 {
		p.Detail = rules[i].detail
	}
	return refuse(c, rule, p, retryAfter)
}

func refuse(c *fiber.Ctx, rule string, p reply.Problem, retryAfter time.Duration) error {
	c.Context().SetUserValue(logger.RuleKey, rule)
	if retryAfter > 0 {
		seconds := (retryAfter + time.Second - 1) / time.Second
		c.Set(fiber.HeaderRetryAfter, strconv.FormatInt(int64(seconds), 10))
	}
	p.Rule = rule
	err := listing.AnswerProblem(c, p)
	c.Set(fiber.HeaderCacheControl, "no-store") // RFC 6585 section 4
	return err
}
