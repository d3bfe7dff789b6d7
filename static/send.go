package static

// The steps of a response are shallow and keep what they find in the Body, not on
// the stack: a slow download holds its stack for as long as it takes, and one more
// frame can double it.

import (
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"fullbore/static/accept"
	"fullbore/static/source"
)

// representation is what is sent for a file. RFC 9110 section 3.2.
type representation struct {
	version
	mediaType string
	active    bool // browsers run it as a document
	coding    accept.Coding
	encoder   *encoder // nil unless compressed on the fly
	date      []byte   // the value of Last-Modified; nil: not known yet
	fields    []Rule   // of the header, by Config.Headers
	validators
}

// send sends an open regular file, which it takes over, or the requested parts of
// it. name is relative to the root.
func (h *Handler) send(c *fiber.Ctx, f source.File, info source.Info, name string) error {
	note(c, kindFile)
	b := newBody(f, info)
	b.growing = h.cfg.Growing
	err := h.identify(c, b, name)
	if err == nil {
		base := b.name
		h.choose(c, b, name)
		h.describe(c, b, base)
		err = b.evaluate(c)
	}
	if err == nil {
		b.decorate(c)
	}
	switch {
	case err != nil || c.Response().StatusCode() == fiber.StatusNotModified,
		b.encoder != nil && c.Method() == fiber.MethodHead: // fasthttp would end chunks that it does not send
		if b.encoder != nil {
			b.encoder.release()
		}
		closeQuietly(b)
		c.Response().SkipBody = err == nil
		if err != nil {
			takeBack(c)
		}
	case b.encoder != nil:
		block(c)
		c.Context().SetBodyStream(newCompressedBody(b, b.Size(), b.encoder), -1)
	default:
		c.Context().SetBodyStream(b, int(b.length))
		if c.Method() == fiber.MethodGet {
			b.over(c.Response(), c.Context().Conn())
		}
	}
	return err
}

// timeOf is when the request arrived. fasthttp has not set it while the client waits
// for "100 Continue".
func timeOf(c *fiber.Ctx) time.Time {
	if t := c.Context().Time(); !t.IsZero() {
		return t
	}
	return time.Now()
}

// known is what does not change while a version of a file is kept. The entity
// tag and the date of one that is at rest are the same for every request.
type known struct {
	name         string
	mediaType    string
	active       bool
	validators   validators
	lastModified []byte
	fields       []Rule
}

// identify determines the media type and the validators, unless they are known. name
// is relative to the root.
func (h *Handler) identify(c *fiber.Ctx, b *Body, name string) error {
	kept, isKept := b.file.(source.Kept)
	if isKept {
		if k, ok := kept.Memo().Load().(*known); ok {
			b.name, b.mediaType, b.active, b.validators, b.date, b.fields = k.name, k.mediaType, k.active, k.validators, k.lastModified, k.fields
			return nil
		}
	}
	b.name = strings.Clone(path.Base(name)) // the body may outlive the request
	if err := h.examine(c, &b.representation, name); err != nil {
		return err
	}
	b.fields = h.fieldsOf(name)
	b.validate(h.cfg.ETag)
	if now := timeOf(c); isKept && now.Sub(b.info.ModTime) > coarseTick+dateLag {
		b.date = b.lastModified([]byte{}, now)
		kept.Memo().Store(&known{b.name, b.mediaType, b.active, b.validators, b.date, b.fields})
	}
	return nil
}

// validate determines the validators. The request may be older than the file.
func (r *representation) validate(rule string) {
	r.validators = validatorsOf(rule, r.info, changedAt(r.file), time.Now())
}

// peek reads what a file has at an offset, up to len(p) bytes, without blocking if
// possible. Less is no error: the body will notice that the file shrank. name is relative to
// the root.
func (h *Handler) peek(c *fiber.Ctx, f source.File, name string, p []byte, offset int64) (int, error) {
	if f, ok := f.(source.NoWaiter); ok && !mayBlock(c) {
		if n, err := f.ReadAtNoWait(p, offset); n == len(p) && err == nil {
			return n, nil
		}
	}
	block(c)
	gate, err := h.enter(name)
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(p, offset)
	if err == io.EOF { //nolint:errorlint // io.ReaderAt gives it bare
		err = nil
	}
	if gate != nil {
		gate.Leave(name, err)
	}
	return n, err
}

// enter asks the source before a read that blocks; the gate is nil if it does not care.
func (h *Handler) enter(name string) (source.Gate, error) {
	if h.gated == nil {
		return nil, nil //nolint:nilnil // as it says
	}
	return h.gated.Enter(name)
}

// Header names in fasthttp's canonical form, which saves normalizing them.
var (
	keyETag         = []byte("Etag")
	keyLastModified = []byte(fiber.HeaderLastModified)
	keyAcceptRanges = []byte(fiber.HeaderAcceptRanges)
	keyContentRange = []byte(fiber.HeaderContentRange)
	bytesUnit       = []byte("bytes")

	keyContentTypeOptions = []byte(fiber.HeaderXContentTypeOptions)
	nosniff               = []byte("nosniff")
)

// describe sets the header fields that every response for a representation has.
func (h *Handler) describe(c *fiber.Ctx, b *Body, base string) {
	header := &c.Response().Header
	if b.etag != "" {
		header.SetCanonical(keyETag, utils.UnsafeBytes(b.etag))
	}
	date := b.date
	if date == nil {
		var buf [len(imfFixdate)]byte
		date = b.lastModified(buf[:0], timeOf(c))
	}
	if len(date) > 0 {
		header.SetCanonical(keyLastModified, date)
	}
	header.SetContentType(b.mediaType)
	if b.encoder == nil {
		header.SetCanonical(keyAcceptRanges, bytesUnit)
	}
	if b.coding != accept.Identity {
		header.Set(fiber.HeaderContentEncoding, b.coding.Token())
	}
	if h.cacheControl != "" {
		header.Set(fiber.HeaderCacheControl, h.cacheControl)
	}
	if h.cfg.Download || len(c.Context().URI().QueryString()) > 0 && c.Context().QueryArgs().Has("download") {
		header.Set(fiber.HeaderContentDisposition, disposition("attachment", base))
	}
	if h.cfg.ContentSecurityPolicy != "" && b.active {
		header.Set(fiber.HeaderContentSecurityPolicy, h.cfg.ContentSecurityPolicy)
	}
}

// takeBack removes what applies to the file and not to an error. A cache that kept a
// 412 or a 416 would serve it to everybody who asks for the file.
func takeBack(c *fiber.Ctx) {
	header := &c.Response().Header
	for _, key := range []string{
		fiber.HeaderETag, fiber.HeaderLastModified, fiber.HeaderCacheControl,
		fiber.HeaderContentDisposition, fiber.HeaderContentEncoding, fiber.HeaderContentSecurityPolicy,
	} {
		header.Del(key)
	}
}

// evaluate evaluates the request's preconditions and ranges in the order of RFC 9110
// section 13.2.2, sets the status and narrows the body to what was requested.
func (b *Body) evaluate(c *fiber.Ctx) error {
	request := &c.Request().Header
	if !conditional(request) {
		return nil
	}
	switch precondition(request, b.validators) {
	case failed:
		return fiber.ErrPreconditionFailed
	case notModified:
		c.Status(fiber.StatusNotModified)
		c.Response().Header.Del(fiber.HeaderContentType)
		c.Response().Header.Del(fiber.HeaderContentEncoding)
		return nil
	}
	if !request.IsGet() || b.encoder != nil { // section 14.2: Range is only for GET
		return nil
	}
	size := b.Size()
	ranges, verdict := rangesFor(request, b.validators, size, timeOf(c))
	switch verdict {
	case unsatisfiable:
		c.Response().Header.SetCanonical(keyContentRange, strconv.AppendInt([]byte("bytes */"), size, 10))
		return fiber.ErrRequestedRangeNotSatisfiable
	case partial:
		b.narrow(c, ranges)
	}
	return nil
}

// narrow limits the body to ranges of the file.
func (b *Body) narrow(c *fiber.Ctx, ranges []byteRange) {
	header := &c.Response().Header
	if len(ranges) == 1 {
		b.only(ranges[0])
		c.Status(fiber.StatusPartialContent)
		header.SetCanonical(keyContentRange, ranges[0].contentRange(b.Size()))
		return
	}
	parts, contentType := multipart(&b.version, ranges, b.mediaType)
	if lengthOf(parts) > b.Size() {
		return // the whole file is smaller: section 14.2 lets a server ignore the ranges
	}
	b.follow(parts)
	c.Status(fiber.StatusPartialContent)
	header.SetContentType(contentType)
}
