package static

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/listing"
	"fullbore/static/source"
)

// retryAfter is the value of Retry-After in seconds during a shortage.
const retryAfter = "5"

// statusOf turns a file system error into a status, and keeps its text for the log. An
// ErrorHandler that shows errors to clients, as Fiber's own does, shows them the text,
// too: a name that they know, and what is wrong.
func statusOf(c *fiber.Ctx, err error) error {
	switch {
	case isAbsent(err):
		return fmt.Errorf("%w: %w", fiber.ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", fiber.ErrForbidden, err)
	case isShortage(err):
		c.Set(fiber.HeaderRetryAfter, retryAfter)
		return fmt.Errorf("%w: %w", fiber.ErrServiceUnavailable, err)
	}
	return err
}

// isAbsent reports whether an error means 404.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) ||
		errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ELOOP) ||
		errors.Is(err, syscall.ENXIO) // a socket, or a device without a driver
}

// isShortage reports whether an error may be gone on a retry: out of descriptors or
// memory, trouble with the disk or its server, or names that change too fast.
func isShortage(err error) bool {
	if errors.Is(err, listing.ErrBusy) {
		return true
	}
	var errno syscall.Errno
	return source.TroubleOf(err) != source.NoTrouble || errors.As(err, &errno) && slices.Contains(shortages, errno)
}

var shortages = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EAGAIN, syscall.EINTR, syscall.EBUSY,
}
