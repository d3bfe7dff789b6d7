//go:build !unix

package health

import "errors"

// diskSpace is not known here.
func diskSpace(string) (Space, error) { return Space{}, errors.ErrUnsupported }
