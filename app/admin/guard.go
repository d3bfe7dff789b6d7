package admin

// Other sites must stay out. An operator's browser can reach the admin
// listener, and so can every page it shows: through a host name of its own that
// resolves here (DNS rebinding), or with a form posted here (CSRF).

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/reply"
)

// knownHost refuses requests for a host that a page of others could have: a
// name with a dot, unless it is one of ours. Addresses and names without a dot
// belong to nobody on the Internet. Without any host it is no browser.
func (s *server) knownHost(c *fiber.Ctx) error {
	// Not c.Hostname, which believes X-Forwarded-Host.
	host := hostOf(string(c.Request().Header.Host()))
	if host == "" || !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return c.Next()
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return c.Next()
	}
	if slices.ContainsFunc(s.cfg.Hosts(), func(known string) bool { return strings.EqualFold(strings.TrimSuffix(known, "."), host) }) {
		return c.Next()
	}
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Status(fiber.StatusMisdirectedRequest)
	return line(c, fmt.Sprintf("421 Misdirected Request: the admin listener does not answer to the host %q; if that name is yours, add it to admin-hosts", reply.Printable(host)))
}

// hostOf is a Host field without the port, the brackets and the last dot.
func hostOf(field string) string {
	host := field
	if h, _, err := net.SplitHostPort(field); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ".")
}

// sameOrigin refuses what another site's page sends. Browsers say where a
// request comes from: in Sec-Fetch-Site, where the connection is secure or
// local, else in Origin. What says neither is no browser.
func sameOrigin(c *fiber.Ctx) error {
	site, origin := c.Get("Sec-Fetch-Site"), c.Get(fiber.HeaderOrigin)
	switch {
	case site == "same-origin", site == "none":
		return c.Next()
	case site == "" && origin == "":
		return c.Next()
	case site == "":
		_, from, _ := strings.Cut(origin, "://")
		if from != "" && strings.EqualFold(from, string(c.Request().Header.Host())) {
			return c.Next()
		}
	}
	return fiber.NewError(fiber.StatusForbidden, "This was sent by a page of another site.")
}

// policy lets pages use what comes from this listener, and nothing written
// into them.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// setHeaders are those of every answer.
func setHeaders(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	// With no-referrer, browsers would say "Origin: null" for our own forms.
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	return c.Next()
}
