package admin

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/transfer"
	"fullbore/static/reply"
)

// errEnded is the cause given to a transfer ended through the admin server.
var errEnded = errors.New("ended by an operator")

// transferSorts are the orders of /transfers.
var transferSorts = []string{"newest", "oldest", "fastest", "slowest", "largest"}

// transfersAnswer is the JSON of /transfers.
type transfersAnswer struct {
	table
	Rate      float64             `json:"rate"` // of all that match, bytes a second
	Transfers []transfer.Transfer `json:"transfers"`
}

func (s *server) transfers() fiber.Handler {
	return serveTable(s, tablePage[transferRow]{
		path: "/transfers", title: "Transfers", word: "transfer", sorts: transferSorts,
		headings: []string{"ID", "CLIENT", "USER", "STATE", "AGE", "RATE", "ETA", "BYTES", "REQUEST", "PATH"},
		cells: func(r transferRow) []string {
			return []string{strconv.FormatUint(r.ID, 10), r.Remote, cmp.Or(r.User, unknown), r.State, r.Age, r.Rate, r.ETA, r.Bytes, r.Part, r.Path}
		},
		answer: func(q query) (any, table, string, func() []transferRow) {
			a := s.transfersFor(q)
			return a, a.table, rateText(a.Rate), func() []transferRow { return rowsOf(a.Transfers, transferRowOf) }
		},
	})
}

func (s *server) transfersFor(q query) transfersAnswer {
	all := s.cfg.Transfers.Transfers()
	a := transfersAnswer{table: table{Total: len(all), Drain: s.drainView()}}
	all = slices.DeleteFunc(all, func(t transfer.Transfer) bool {
		return !q.has(t.Path, t.User, t.Remote, string(t.State), t.Kind)
	})
	for _, t := range all {
		a.Rate += t.Rate
	}
	slices.SortStableFunc(all, compareTransfers(q.sort))
	a.Transfers = cut(&a.table, all, q.limit)
	return a
}

// compareTransfers gives an order by its name. What is equal in it is ordered
// by age, so that rows do not change places for nothing.
func compareTransfers(sort string) func(a, b transfer.Transfer) int {
	older := func(a, b transfer.Transfer) int { return cmp.Compare(a.ID, b.ID) }
	switch sort {
	case "oldest":
		return older
	case "fastest":
		return func(a, b transfer.Transfer) int { return cmp.Or(cmp.Compare(b.Rate, a.Rate), older(a, b)) }
	case "slowest":
		return func(a, b transfer.Transfer) int { return cmp.Or(cmp.Compare(a.Rate, b.Rate), older(a, b)) }
	case "largest":
		size := func(t transfer.Transfer) int64 { return max(t.Length, t.Sent, t.Received) }
		return func(a, b transfer.Transfer) int { return cmp.Or(cmp.Compare(size(b), size(a)), older(a, b)) }
	default:
		return func(a, b transfer.Transfer) int { return older(b, a) }
	}
}

// transferRow is a transfer as a page shows it.
type transferRow struct {
	ID                                                     uint64
	Path, Part, Remote, User, Bytes, Rate, ETA, Age, State string
	Permille                                               int
	Bar                                                    bool // it is known how much there is
}

func transferRowOf(t transfer.Transfer) transferRow {
	r := transferRow{
		ID: t.ID, Path: reply.Printable(t.Path), Part: t.Method, Remote: t.Remote, User: reply.Printable(t.User),
		Bytes: sizeText(t.Sent), Rate: rateText(t.Rate), ETA: durationText(t.ETA), Age: durationText(t.Age), State: string(t.State),
	}
	if t.Paced {
		r.Rate += " of " + rateText(float64(t.Allowed))
	}
	if t.Status > 0 {
		r.Part += " " + strconv.Itoa(t.Status)
	}
	if t.Range != "" {
		r.Part += " · bytes " + reply.Printable(t.Range)
	}
	if t.Received > 0 {
		r.Part += " · " + sizeText(t.Received) + " received"
	}
	if t.Length >= 0 {
		r.Bar, r.Permille = true, permille(t.Sent, t.Length)
		r.Bytes += " of " + sizeText(t.Length)
	}
	return r
}

// end cuts a transfer. A browser is redirected to the table.
func (s *server) end(c *fiber.Ctx) error {
	id, err := strconv.ParseUint(c.Params("id"), 10, 64)
	if err != nil || !s.cfg.Transfers.Cut(id, errEnded) {
		return fiber.NewError(fiber.StatusNotFound, "There is no such transfer; it may have ended.")
	}
	switch reply.FormatOf(c) {
	case reply.HTML:
		return c.Redirect("/transfers", fiber.StatusSeeOther)
	case reply.JSON:
		return sendJSON(c, map[string]uint64{"ended": id})
	default:
		return line(c, "ended "+strconv.FormatUint(id, 10))
	}
}
