package static

// What pages of other origins may do with files: the CORS protocol and
// Cross-Origin-Resource-Policy, both of the Fetch standard.

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

const (
	exposed         = "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, ETag, Retry-After"
	allowedHeaders  = "If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range"
	allowedMethods  = "GET, HEAD"
	preflightMaxAge = "86400" // seconds; browsers cap it
)

// CheckOrigin is the error of what is neither "*" nor an origin as browsers send it.
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	if origin == "*" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.Contains(u.Host, "*") && origin == u.Scheme+"://"+u.Host {
		return nil
	}
	return fmt.Errorf(`%q: want "*" or an origin such as https://example.com`, origin)
}

// resourcePolicies are the values of Cross-Origin-Resource-Policy.
var resourcePolicies = []string{"same-origin", "same-site", "cross-origin"}

// CheckResourcePolicy is the error of what is no value of Cross-Origin-Resource-Policy;
// "" sends none.
func CheckResourcePolicy(policy string) error {
	if policy == "" || slices.Contains(resourcePolicies, policy) {
		return nil
	}
	return fmt.Errorf("%q: want same-origin, same-site or cross-origin", policy)
}

// share says what pages of other origins may do with the response.
func (h *Handler) share(c *fiber.Ctx) {
	if h.cfg.ResourcePolicy != "" {
		c.Set("Cross-Origin-Resource-Policy", h.cfg.ResourcePolicy)
	}
	if len(h.cfg.CORS) == 0 {
		return
	}
	allow := "*"
	if !slices.Contains(h.cfg.CORS, allow) {
		c.Vary(fiber.HeaderOrigin)
		if allow = c.Get(fiber.HeaderOrigin); !slices.Contains(h.cfg.CORS, allow) {
			return
		}
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, allow)
	if c.Method() != fiber.MethodOptions {
		c.Set(fiber.HeaderAccessControlExposeHeaders, exposed)
		return
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, allowedMethods)
	c.Set(fiber.HeaderAccessControlAllowHeaders, allowedHeaders)
	c.Set(fiber.HeaderAccessControlMaxAge, preflightMaxAge)
}
