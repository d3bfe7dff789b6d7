//go:build linux

package canary

// This file is the command line of the canary.

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"fullbore/bench/flagtype"
	"fullbore/bench/soak"
)

// Command is `canary`.
func Command() *cobra.Command {
	config := ConfigDefault
	command := &cobra.Command{
		Use:   "canary --before FILE --after FILE",
		Short: "Compare two builds of fullbore under the same load",
		Long: `canary starts two fullbore binaries on the same sparse file, gives them the same
downloads in turns, and prints what changed. A figure counts as worse if it rose
by more than --tolerance and the difference of the rounds is significant.

With --images they are Docker images on this machine instead: containers on the
host's network, with no proxy in between, removed at the end. The servers get one
half of the processors (a container by its cgroup's cpuset), the client the other.

Exit codes: 0 no worse, 1 worse, 2 too few rounds, 3 could not run.`,
		Example: `  go run ./bench canary --before fullbore-1.0 --after fullbore-1.1
  go run ./bench canary --images --before fullbore:1.0 --after fullbore:1.1`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := config.validate(); err != nil {
				return &soak.Exit{Code: ExitCouldNot, Err: err}
			}
			code, err := Run(command.Context(), config, command.OutOrStdout(), command.ErrOrStderr())
			if code == ExitSame {
				return nil
			}
			return &soak.Exit{Code: code, Err: err}
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &soak.Exit{Code: ExitCouldNot, Err: err} })
	flags := command.Flags()
	flags.SortFlags = false
	flags.StringVar(&config.Before, "before", "", "`FILE` of the binary to compare with, or name of the image")
	flags.StringVar(&config.After, "after", "", "`FILE` of the new binary, or name of the image")
	flags.BoolVar(&config.Images, "images", false, "--before and --after are Docker images")
	flags.Var((*flagtype.Size)(&config.Size), "size", "size of the sparse file")
	flags.Var(&config.Mix, "mix", "`WEIGHTS` of the kinds of download")
	flags.IntVar(&config.Downloads, "downloads", config.Downloads, "downloads per round")
	flags.IntVar(&config.Rounds, "rounds", config.Rounds, "rounds of each, after one that warms up")
	flags.IntVar(&config.Concurrency, "concurrency", config.Concurrency, "connections at once")
	flags.DurationVar(&config.Slow, "slow", config.Slow, "how long a slow reader reads")
	flags.Float64Var(&config.Tolerance, "tolerance", config.Tolerance, "percent by which a figure may get worse")
	flags.Uint64Var(&config.Seed, "seed", config.Seed, "seed of aborts, ranges and their order")
	flags.StringVar(&config.JSON, "json", "", "write the result to `FILE`")
	return command
}

func (c Config) validate() error {
	switch {
	case c.Before == "" || c.After == "":
		return errors.New("--before and --after are both needed: two fullbore binaries, or with --images two images")
	case c.Size < 1 || c.Downloads < 1 || c.Rounds < 1 || c.Concurrency < 1:
		return errors.New("--size, --downloads, --rounds and --concurrency must be at least 1")
	case c.Tolerance < 0 || c.Slow < 0:
		return fmt.Errorf("--tolerance and --slow must not be negative")
	}
	return nil
}
