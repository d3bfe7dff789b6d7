package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Publish has a report written to out and to a file, as Markdown, and its figures to
// another file, as JSON. A file without a name is left out.
func Publish(out io.Writer, markdown, figures string, result any, write func(io.Writer) error) error {
	err := write(out)
	if markdown != "" {
		file, create := os.Create(markdown)
		if create == nil {
			create = errors.Join(write(file), file.Close())
		}
		err = errors.Join(err, create)
	}
	if figures == "" {
		return err
	}
	text, failed := json.MarshalIndent(result, "", "  ")
	if failed == nil {
		failed = os.WriteFile(figures, append(text, '\n'), 0o644) //nolint:gosec // a report, for everybody
	}
	if failed != nil {
		err = errors.Join(err, fmt.Errorf("result: %w", failed))
	}
	return err
}
