//go:build linux

package peers

// This file is the command line of the comparison.

import (
	"github.com/spf13/cobra"

	"fullbore/bench/flagtype"
)

// couldNotRun is an error that ends the program with exit code 1.
type couldNotRun struct{ error }

func (e couldNotRun) Unwrap() error { return e.error }

// ExitCode is the code to end the program with.
func (e couldNotRun) ExitCode() int { return 1 }

// Command is `peers`.
func Command() *cobra.Command {
	config := ConfigDefault
	command := &cobra.Command{
		Use:   "peers",
		Short: "Compare what a gigabyte costs in CPU time with other servers",
		Long: `peers serves the same sparse file from fullbore (with its JSON access log going
to a file) and from a bare Fiber static route, each pinned to the same processor
and the client to another. The servers take turns, round by round; the figure is
the server's user and system time per GB (10^9 bytes) of body.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := Run(command.Context(), config, command.OutOrStdout(), command.ErrOrStderr()); err != nil {
				return couldNotRun{err}
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.SortFlags = false
	flags.IntVar(&config.Rounds, "rounds", config.Rounds, "measured rounds")
	flags.IntVar(&config.Downloads, "downloads", config.Downloads, "whole downloads per server and round")
	flags.Var((*flagtype.Size)(&config.Size), "size", "size of the file")
	flags.StringVar(&config.JSON, "json", "", "write all figures to `FILE`")
	return command
}
