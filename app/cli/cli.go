// Package cli is the command line: it turns arguments into a config, calls the
// app, and turns errors into one line and an exit status.
package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1 // it could not be done
	exitUsage = 2 // it was asked for wrongly

	exitSignal = 128 // plus the signal that ended it at once, as shells have it
)

// complaintTimeout is how long the last line may take.
const complaintTimeout = time.Second

// usageError is an error in how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs the program and returns its exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	// One line, whatever a file name in it contains.
	complain(stderr, strings.ReplaceAll(err.Error(), "\n", "; "))
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitError
}

// complain says what was wrong. Whoever reads it, and stopped reading, does not
// keep the program from ending.
func complain(stderr io.Writer, what string) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = fmt.Fprintf(stderr, "fullbore: %s\n", what)
	}()
	select {
	case <-said:
	case <-time.After(complaintTimeout):
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "fullbore",
		Short: "A download server: flat memory, true logs, full speed",
		Long: `fullbore serves large files: the kernel moves the bytes, memory stays flat,
and the log says what was really sent.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(newServe(), newConfig(), newHealth(), newVersion())
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		for _, shell := range cmd.Commands() { // those of completion
			shell.Args = noArguments
		}
	}
	return root
}

// noArguments refuses what is neither a flag nor a command.
func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return usageError{fmt.Errorf("no command %q; see %s --help", args[0], cmd.CommandPath())}
	default:
		return usageError{fmt.Errorf("%s takes no arguments but got %q; see %[1]s --help", cmd.CommandPath(), args[0])}
	}
}
