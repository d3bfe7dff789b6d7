package static

// This file is the one place where an error of the file system becomes a
// status.

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/gofiber/fiber/v2"

	"fullbore/static/listing"
)

// retryAfter is what Retry-After says, in seconds, when something is short.
const retryAfter = "5"

// statusOf turns an error of the file system into a status, and keeps what it
// says for the log. An ErrorHandler that shows errors to clients, as Fiber's own
// does, shows them that as well: a name that they know, and what is wrong.
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

// isAbsent reports whether an error says that a name leads to no file that a
// client may know of.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) ||
		errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ELOOP) ||
		errors.Is(err, syscall.ENXIO) // a socket, or a device without a driver
}

// isShortage reports whether an error may be gone when the client tries again:
// descriptors or memory are short, the disk or its server is in trouble, or
// names change faster than they can be followed.
func isShortage(err error) bool {
	if errors.Is(err, listing.ErrBusy) {
		return true
	}
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
		syscall.EIO, syscall.ESTALE, syscall.EAGAIN, syscall.ETIMEDOUT,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
