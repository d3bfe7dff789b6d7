package source

import "fmt"

// Caught is to be deferred. It makes a panic the error of the function that it ends, so
// that what fails in one file or folder ends one response, which then is told of as any
// that fails.
func Caught(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("panic: %v", cause)
	}
}
