package static

// What a file is, as far as its name, its first bytes and the operator's rules tell.

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/source"
)

// examine finds the media type, by rule, name or content.
func (h *Handler) examine(c *fiber.Ctx, r *representation, name string) error {
	if err := h.backed(c, r, name); err != nil {
		return err
	}
	var byRule bool
	r.mediaType, byRule = h.typeOf(name)
	if r.mediaType == "" { // the name does not say
		head := make([]byte, min(sniffLength, r.info.Size))
		n, err := h.peek(c, r.file, name, head, 0)
		if err != nil {
			return statusOf(c, err)
		}
		r.mediaType = sniff(head[:n])
	}
	r.active = active(r.mediaType)
	t, relabelled := h.relabel(r.mediaType, name)
	if r.mediaType = t; byRule || relabelled {
		return nil
	}
	return h.checkCharset(c, r, name)
}

// backed is the error of a file that has less content than its size says, as those of
// sysfs do: now there still can be an answer that says so.
func (h *Handler) backed(c *fiber.Ctx, r *representation, name string) error {
	if f, ok := r.file.(source.Unallocated); !ok || !f.Unallocated() {
		return nil
	}
	switch n, err := h.peek(c, r.file, name, make([]byte, 1), r.info.Size-1); {
	case err != nil:
		return statusOf(c, err)
	case n == 0:
		c.Set(fiber.HeaderRetryAfter, retryAfter)
		return fmt.Errorf("%w: %s has less than the %d bytes of its size", fiber.ErrServiceUnavailable, r.name, r.info.Size)
	}
	return nil
}

// checkCharset removes the label of UTF-8 from what is none, so that browsers look for
// themselves. It reads as much as is likely to tell, and no more.
func (h *Handler) checkCharset(c *fiber.Ctx, r *representation, name string) error {
	bare, isLabelled := strings.CutSuffix(r.mediaType, "; charset=utf-8")
	if !isLabelled || r.info.Size == 0 {
		return nil
	}
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(buf)
	head := (*buf)[:min(charsetSample, r.info.Size)]
	n, err := h.peek(c, r.file, name, head, 0)
	if err != nil {
		return statusOf(c, err)
	}
	if head = head[:n]; int64(n) < r.info.Size {
		head = withoutCutRune(head)
	}
	if !utf8.Valid(head) {
		r.mediaType = bare
	}
	return nil
}

// charsetSample is how many bytes of a text are looked at.
const charsetSample = 16 << 10
