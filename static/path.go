package static

import (
	"net/url"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// Path is the canonical path of a request, so that rights, limits and logs see the
// path that is opened: decoded once, with "//", "." and ".." resolved, including the
// prefix that the middleware is mounted under. It does not allocate, and is valid until
// the request is reset.
func Path(c *fiber.Ctx) string { return utils.UnsafeString(c.Context().Path()) }

// requestPath is Path, as valid as that, without the prefix that the middleware is mounted
// under, and so "" for the prefix itself; false if Path is not below it. Fiber compares the prefix with the raw path,
// ignoring case, so that "/files" also matches "/filesystem" and "/files/../x", which
// a guard of "/files" would not see.
func requestPath(c *fiber.Ctx) (string, bool) {
	prefix := strings.TrimRight(strings.TrimSuffix(c.Route().Path, "*"), "/")
	whole := Path(c)
	if len(whole) < len(prefix) || !strings.EqualFold(whole[:len(prefix)], prefix) {
		return "", false
	}
	rest := whole[len(prefix):]
	return rest, rest == "" || rest[0] == '/'
}

// fileName turns a URL path into a name below the root; false if no such file can
// exist or be served.
func (h *Handler) fileName(urlPath string) (string, bool) {
	name := strings.Trim(urlPath, "/")
	switch {
	case h.only != "":
		return name, name == h.only
	case name == "":
		return ".", true
	case strings.IndexByte(name, 0) >= 0:
		return "", false
	}
	for rest, first := name, true; ; first = false {
		element, after, more := strings.Cut(rest, "/")
		if element == "." || element == ".." { // fasthttp has resolved them; not trusted
			return "", false
		}
		if h.hides(element) && (!first || element != wellKnown) {
			return "", false
		}
		if !more {
			return name, true
		}
		rest = after
	}
}

// wellKnown is served although its name begins with a dot. RFC 8615.
const wellKnown = ".well-known"

func (h *Handler) hides(name string) bool {
	return strings.HasPrefix(name, ".") && !h.cfg.Hidden
}

// toSlash redirects to a folder's path with a trailing slash, which relative links in
// its page need. If a slash is encoded, the last element of the path that the client
// resolves against is more than the name.
func toSlash(c *fiber.Ctx, urlPath string) error {
	name := path.Base(urlPath)
	raw := string(c.Context().URI().PathOriginal())
	if last, err := url.PathUnescape(raw[strings.LastIndexByte(raw, '/')+1:]); err == nil && strings.Contains(strings.Trim(last, "/"), "/") {
		name = strings.Trim(last, "/")
	}
	return redirect(c, name+"/")
}

// redirect sends the client to a name relative to its path, keeping the query. The
// target starts with "./", so that a name can be neither a scheme nor a host.
func redirect(c *fiber.Ctx, target string) error {
	slash := ""
	if name, ok := strings.CutSuffix(target, "/"); ok {
		target, slash = name, "/"
	}
	location := "./" + url.PathEscape(target) + slash
	if query := c.Context().URI().QueryString(); len(query) > 0 {
		location += "?" + escapeQuery(query)
	}
	c.Set(fiber.HeaderLocation, location)
	return c.SendStatus(fiber.StatusFound)
}

// escapeQuery escapes bytes that a query must not contain: RFC 3986 section 3.4.
func escapeQuery(query []byte) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range query {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~!$&'()*+,;=:@/?%", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
