//go:build linux

package attack

// This file is the command line, and what can be set.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fullbore/bench/flagtype"
)

// Config says how to attack.
type Config struct {
	Fullbore    string        `json:"fullbore,omitempty"` // its binary; empty builds one
	With        []string      `json:"with"`               // flags of serve; each is a server of its own
	Modes       []string      `json:"modes"`
	Connections int           `json:"connections"` // of the attacker
	PerSecond   int           `json:"connections_per_second"`
	Honest      int           `json:"honest"`           // downloads beside it
	HonestRate  int64         `json:"honest_rate"`      // of each, bytes/s; 0 is all they can get
	For         time.Duration `json:"for_nanoseconds"`  // before, during and after
	Rest        time.Duration `json:"rest_nanoseconds"` // after everybody has gone, before memory is read

	Scratch  string `json:"scratch,omitempty"` // folder to work in; empty is the system's
	JSON     string `json:"-"`                 // file for every figure; empty is nowhere
	Markdown string `json:"-"`                 // file for the report; empty is nowhere
}

// ConfigDefault takes some six minutes.
var ConfigDefault = Config{
	With: []string{"--engine epoll", "--engine goroutines"}, Modes: modeNames(),
	Connections: 4000, PerSecond: 1000, Honest: 8, HonestRate: 25e6, For: 12 * time.Second, Rest: 10 * time.Second,
}

// couldNotRun is an error that ends the program with exit code 1.
type couldNotRun struct{ error }

func (e couldNotRun) Unwrap() error { return e.error }

// ExitCode is the code to end the program with.
func (e couldNotRun) ExitCode() int { return 1 }

// Command is `attack`.
func Command() *cobra.Command {
	config := ConfigDefault
	command := &cobra.Command{
		Use:   "attack",
		Short: "Measure what a crowd of slow clients takes from honest downloads",
		Long: `attack downloads from fullbore while slowhttptest keeps thousands of slow clients on it:
slow headers, slow bodies, slow readers, and requests for hundreds of ranges. It measures
the honest downloads before, during and after, and the server's memory and descriptors.
It judges nothing: it prints figures, as Markdown. Interrupted, it reports what it has.
slowhttptest runs at the lowest priority, because it stands for machines elsewhere. Where
the honest downloads have no --honest-rate, they leave it no processor to connect with.`,
		Example: `  go run ./bench attack
  go run ./bench attack --modes read --with '--engine epoll' --connections 1000`,
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
	flags.StringVar(&config.Fullbore, "fullbore", "", "`FILE` of a fullbore binary instead of building one")
	flags.StringArrayVar(&config.With, "with", config.With, "more `FLAGS` of serve; repeated, each is measured")
	flags.StringSliceVar(&config.Modes, "modes", config.Modes, "`NAMES` of attacks")
	flags.IntVar(&config.Connections, "connections", config.Connections, "of the attacker")
	flags.IntVar(&config.PerSecond, "per-second", config.PerSecond, "connections that the attacker opens")
	flags.IntVar(&config.Honest, "honest", config.Honest, "downloads beside it")
	flags.Var((*flagtype.Size)(&config.HonestRate), "honest-rate", "what the line of each can carry, per second; 0 is no limit")
	flags.DurationVar(&config.For, "for", config.For, "how long to measure before, during and after")
	flags.DurationVar(&config.Rest, "rest", config.Rest, "after everybody has gone, before memory is read")
	flags.StringVar(&config.Scratch, "scratch", "", "`FOLDER` to work in (default the system's temporary one)")
	flags.StringVar(&config.Markdown, "markdown", "", "write the report to `FILE` too")
	flags.StringVar(&config.JSON, "json", "", "write every figure to `FILE`")
	return command
}

func (c Config) validate() error {
	const mostHonest = 250 // addresses that they come from
	if c.Connections < 1 || c.PerSecond < 1 || c.Honest < 1 || c.HonestRate < 0 || c.For <= 0 || c.Rest < 0 {
		return errors.New("--connections, --per-second, --honest and --for must be more than 0")
	}
	if c.Honest > mostHonest {
		return fmt.Errorf("--honest: %d at most", mostHonest)
	}
	for _, mode := range c.Modes {
		if !slices.Contains(modeNames(), mode) {
			return fmt.Errorf("--modes: no %q, there are %s", mode, strings.Join(modeNames(), ", "))
		}
	}
	return nil
}

func modeNames() []string {
	names := make([]string, len(modes))
	for i, mode := range modes {
		names[i] = mode.name
	}
	return names
}
