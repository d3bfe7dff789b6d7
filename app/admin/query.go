package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/reply"
)

const (
	// maxRows is the most rows in one answer.
	maxRows = 1000

	// pageRows is how many a page shows if it is not asked for another number:
	// no screen has more, and it is drawn each second.
	pageRows = 200

	// maxFilter is the longest filter, in bytes.
	maxFilter = 512
)

// query is what is asked of a table.
type query struct {
	sort   string
	filter string // a part of what is shown, in any case
	limit  int    // rows, 1 to maxRows
}

// queryOf reads the query of a request. sorts are the orders there are, the
// default first.
func queryOf(c *fiber.Ctx, format reply.Format, sorts []string) (query, error) {
	q := query{sort: c.Query("sort", sorts[0]), filter: c.Query("filter"), limit: maxRows}
	if format == reply.HTML {
		q.limit = pageRows
	}
	if !slices.Contains(sorts, q.sort) {
		return q, fiber.NewError(fiber.StatusBadRequest, "sort: want one of "+strings.Join(sorts, ", ")+".")
	}
	if len(q.filter) > maxFilter {
		return q, fiber.NewError(fiber.StatusBadRequest, "filter: want at most "+strconv.Itoa(maxFilter)+" bytes.")
	}
	if asked := c.Query("limit"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 {
			return q, fiber.NewError(fiber.StatusBadRequest, "limit: want a number from 1 to "+strconv.Itoa(maxRows)+".")
		}
		q.limit = min(n, maxRows)
	}
	return q, nil
}

// has reports whether one of the texts contains the filter.
func (q query) has(texts ...string) bool {
	if q.filter == "" {
		return true
	}
	want := strings.ToLower(q.filter)
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), want) })
}

// order is a link to a table in one order.
type order struct {
	Href, Text string
	Current    bool
}

// orders are the links to all orders of a table at path.
func (q query) orders(path string, sorts []string) (all []order) {
	for _, sort := range sorts {
		values := url.Values{"sort": {sort}}
		if q.filter != "" {
			values.Set("filter", q.filter)
		}
		if q.limit != pageRows {
			values.Set("limit", strconv.Itoa(q.limit))
		}
		all = append(all, order{path + "?" + values.Encode(), strings.ToUpper(sort[:1]) + sort[1:], sort == q.sort})
	}
	return all
}

// controls are what is above a table.
type controls struct {
	Path, Sort, Filter string
	Limit              int // 0: the page's own
	Orders             []order
}

func (q query) controls(path string, sorts []string) controls {
	c := controls{Path: path, Sort: q.sort, Filter: q.filter, Orders: q.orders(path, sorts)}
	if q.limit != pageRows {
		c.Limit = q.limit
	}
	return c
}
