package static

// This file is the way from a request's path to the name of a file, and back
// to a path when the client has to be sent elsewhere.

import (
	"net/url"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
)

// Path is the path by which a request is to be judged, whatever judges it: rights,
// limits and logs see the same as what opens the file. It is what the client
// sent, decoded once, with "//", "." and ".." resolved, and with the prefix that
// the middleware is mounted under. fasthttp makes it when it is first asked for
// and keeps it; nothing is allocated, and it is valid until the request is reset.
func Path(c *fiber.Ctx) string { return utils.UnsafeString(c.Context().Path()) }

// requestPath is a copy of Path without the prefix that the middleware is mounted
// under; false if it is not below that. Fiber compares the prefix with what the client sent, without regard to
// case, and "/files" matches "/filesystem" and "/files/../x", too. Whoever
// guards a part of "/files" would not see these.
func requestPath(c *fiber.Ctx) (string, bool) {
	prefix := strings.TrimRight(strings.TrimSuffix(c.Route().Path, "*"), "/")
	whole := strings.Clone(Path(c))
	if len(whole) < len(prefix) || !strings.EqualFold(whole[:len(prefix)], prefix) {
		return "", false
	}
	rest := whole[len(prefix):]
	if rest == "" {
		return "/", true
	}
	return rest, rest[0] == '/'
}

// fileName turns a URL path into a name below the root; false for one that is
// not to be served, or that no file can have.
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
		if element == "." || element == ".." { // fasthttp has resolved them; said rather than trusted
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

// hides reports whether a name is one of those that are not for everybody.
func (h *Handler) hides(name string) bool {
	return strings.HasPrefix(name, ".") && !h.cfg.Hidden
}

// toSlash sends the client to the folder that it named without a slash at the
// end, which relative links in its page need. If a slash is encoded, the last
// element of the path that the client resolves against is more than the name.
func toSlash(c *fiber.Ctx, urlPath string) error {
	name := path.Base(urlPath)
	raw := string(c.Context().URI().PathOriginal())
	if last, err := url.PathUnescape(raw[strings.LastIndexByte(raw, '/')+1:]); err == nil && strings.Contains(strings.Trim(last, "/"), "/") {
		name = strings.Trim(last, "/")
	}
	return redirect(c, name+"/")
}

// redirect sends the client to a name beside or below the last element of its
// path, keeping the query. The target is relative, and starts with "./" so
// that a name can be neither a scheme nor a host.
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

// escapeQuery is a query as the client sent it, with every byte escaped that a
// query cannot hold. RFC 3986 section 3.4.
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
