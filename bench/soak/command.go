//go:build linux

package soak

// This file is the command line of the soak. It exists to keep flags and their
// words in one place, next to nothing else.

import (
	"fmt"

	"github.com/spf13/cobra"

	"fullbore/bench/flagtype"
)

// Exit is an error with an exit code of its own. A nil Err means that everything
// has been said already.
type Exit struct {
	Code int
	Err  error
}

func (e *Exit) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *Exit) Unwrap() error { return e.Err }

// ExitCode is the code to end the program with.
func (e *Exit) ExitCode() int { return e.Code }

// Command is `soak`.
func Command() *cobra.Command {
	config := ConfigDefault
	command := &cobra.Command{
		Use:   "soak",
		Short: "Download a big file over and over and judge whether the server's memory stays flat",
		Long: `soak downloads a file whole, in part and aborted, round after round, reads the
server's memory at rest after each round, and judges. Without flags it builds
fullbore and soaks it on a sparse file; --url and --pid measure any running server.

The rule, with the default allowances:
` + ConfigDefault.limits().Rule() + `

Byte counts are verified against the server's JSON access log (fields query,
status, bytes_sent, outcome). What an aborted download sent is what arrived plus
what both kernels still held when the reader had stopped.

Exit codes: 0 flat, 1 leak, wrong byte counts or failed downloads, 2 undecided, 3 could not run, or
the target died. "go run" turns all but 0 into 1: go build the program to see them.`,
		Example: `  go run ./bench soak
  go run ./bench soak --duration 8h --report soak
  go run ./bench soak --mix whole=1,aborted=3,slow=1 --downloads 200 --size 64MiB --concurrency 50
  go run ./bench soak --url http://127.0.0.1:8080/big.iso --pid 4711 --access-log access.log`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &Exit{ExitCouldNot, fmt.Errorf("soak takes no arguments, got %q", args[0])}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			code, err := Run(command.Context(), config, command.OutOrStdout(), command.ErrOrStderr())
			if code == ExitFlat {
				return nil
			}
			return &Exit{code, err}
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &Exit{ExitCouldNot, err} })
	addFlags(command, &config)
	return command
}

func addFlags(command *cobra.Command, config *Config) {
	flags := command.Flags()
	flags.SortFlags = false
	flags.StringVar(&config.URL, "url", "", "`URL` of a file on a running server (with --pid)")
	flags.IntSliceVar(&config.PIDs, "pid", nil, "process `ID` of that server (with --url), with its children; several of them with commas")
	flags.StringVar(&config.Container, "container", "", "Docker container `NAME` of that server, instead of --pid")
	flags.StringVar(&config.Cgroup, "cgroup", "", "`FOLDER` of that server's memory cgroup, instead of --pid")
	flags.StringVar(&config.Exec, "exec", "", "`COMMAND` that starts that server, instead of --pid; split at spaces, no shell")
	flags.StringVar(&config.Metrics, "metrics", "", "`URL` of that server's Prometheus metrics, for Go's heap, goroutines and collections")
	flags.StringVar(&config.AccessLog, "access-log", "", "JSON access log `FILE` of that server, to verify byte counts")
	flags.StringVar(&config.Create, "create", "", "make a sparse `FILE` of --size first and remove it at the end (with --url)")
	flags.StringVar(&config.Server, "server", "", "`FILE` of a fullbore binary to start instead of building one")
	flags.Var((*flagtype.Size)(&config.Size), "size", "size of the sparse file")
	flags.Var(&config.Mix, "mix", "`WEIGHTS` of the kinds of download")
	flags.IntVar(&config.Downloads, "downloads", config.Downloads, "downloads per round")
	flags.DurationVar(&config.Slow, "slow", config.Slow, "how long a slow reader reads")
	flags.IntVar(&config.Rounds, "rounds", config.Rounds, "rounds, warm-up included")
	flags.DurationVar(&config.Duration, "duration", 0, "run that long instead of a number of rounds")
	flags.IntVar(&config.Warmup, "warmup", config.Warmup, "rounds that only warm up")
	flags.IntVar(&config.Whole, "whole", config.Whole, "whole downloads per round, whatever the mix says")
	flags.IntVar(&config.Aborted, "aborted", config.Aborted, "aborted downloads per round, whatever the mix says")
	flags.IntVar(&config.Ranged, "ranged", config.Ranged, "ranged downloads per round, whatever the mix says")
	flags.IntVar(&config.Concurrency, "concurrency", config.Concurrency, "connections at once")
	flags.DurationVar(&config.Rest, "rest", config.Rest, "pause after a round before memory is read")
	flags.DurationVar(&config.Cooldown, "cooldown", config.Cooldown, "further pause after the last round")
	flags.DurationVar(&config.SampleEvery, "sample-every", config.SampleEvery, "how often memory is read under load")
	flags.Uint64Var(&config.Seed, "seed", config.Seed, "seed of aborts, ranges and their order")
	flags.Var((*flagtype.Size)(&config.MaxGrowth), "max-growth", "RssAnon at rest allowed over idle")
	flags.Var((*flagtype.Size)(&config.MaxPeak), "max-peak", "RssAnon under load allowed over idle")
	flags.Var((*flagtype.Size)(&config.MaxRSS), "max-rss", "cap on RSS at any time, 0 for none")
	flags.StringVar(&config.Report, "report", "", "write report.html, result.json, CSV and plots to `FOLDER`")
	flags.StringVar(&config.JSON, "json", "", "write result and samples to `FILE`, whatever the outcome")
}
