//go:build linux

package peers

// This file is the command line of the comparison.

import (
	"fmt"
	"strings"

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
	var fast bool
	command := &cobra.Command{
		Use:   "peers",
		Short: "Compare fullbore with other servers, with the physical limit, or with another build of itself",
		Long: `peers starts each server on the same files, with an access log, on the same
processor, and the client on another; they take turns, round by round. It prints
median, spread and ratio to fullbore of CPU time, throughput and memory, as
Markdown, and the ratios to the bare loop and to nginx round by round. What is not
installed is left out by name. Interrupted, it reports what it has. "others" in the
JSON is what the rest of the machine used meanwhile.

Subjects:  ` + strings.Join(peerNames(), ", ") + `
           and NAME=[FILE] [FLAG...], a build of fullbore: that binary, or the one
           that is built, with more flags of serve. The first build is the one that
           the others are compared with
Workloads: ` + strings.Join(workloadNames(), ", "),
		Example: `  go run ./bench peers
  go run ./bench peers --subjects fullbore,nginx,bare --workloads whole,small --rounds 9
  go run ./bench peers --subjects 'before=old/fullbore,after= --engine epoll' --workloads small --small 4KiB
  go run ./bench peers --markdown peers.md --json peers.json --plot peers.svg --plot peers.png`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if fast {
				if err := applyQuick(command); err != nil {
					return err
				}
			}
			for _, path := range config.Plots {
				if err := checkPlot(path); err != nil {
					return err
				}
			}
			if err := Run(command.Context(), config, command.OutOrStdout(), command.ErrOrStderr()); err != nil {
				return couldNotRun{err}
			}
			return nil
		},
	}
	addFlags(command, &config)
	command.Flags().BoolVar(&fast, "quick", false, "a try in seconds, whose figures mean little: "+quickWords())
	return command
}

func addFlags(command *cobra.Command, config *Config) {
	flags := command.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&config.Peers, "subjects", nil, "`NAMES` of servers, or builds (default all servers)")
	flags.StringSliceVar(&config.Workloads, "workloads", nil, "`NAMES` of workloads (default all)")
	flags.IntVar(&config.Rounds, "rounds", config.Rounds, "measured rounds, after one that warms up")
	flags.Var((*flagtype.Size)(&config.Size), "size", "of the large file")
	flags.IntVar(&config.Parallel, "parallel", config.Parallel, "connections that download, or ask for ranges, at once")
	flags.Var((*flagtype.Size)(&config.Range), "range", "size of a random range")
	flags.DurationVar(&config.For, "for", config.For, "how long a round of ranges or small files takes")
	flags.Var((*sizes)(&config.Small), "small", "sizes of small files")
	flags.IntVar(&config.SmallAtOnce, "small-at-once", config.SmallAtOnce, "connections that ask for small files")
	flags.IntVar(&config.Slow, "slow", config.Slow, "slow downloads at once")
	flags.IntVar(&config.SlowRounds, "slow-rounds", config.SlowRounds, "rounds of slow downloads, and of idle connections")
	flags.DurationVar(&config.Rest, "rest", config.Rest, "after slow downloads, before memory is read again")
	flags.IntVar(&config.Idle, "idle", config.Idle, "kept-alive connections that wait at once")
	flags.IntVar(&config.Entries, "entries", config.Entries, "files in the folder that is listed")
	flags.IntVar(&config.ListingRounds, "listing-rounds", config.ListingRounds, "rounds of listings")
	flags.Var((*flagtype.Size)(&config.TLSSize), "tls-size", "of the file downloaded over TLS")
	flags.Var((*flagtype.Size)(&config.ColdSize), "cold-size", "of the file read from disk")
	flags.DurationVar(&config.Patience, "patience", config.Patience, "time to spend, in all, on waiting for others to leave the two processors alone and on measuring again what they disturbed")
	flags.StringVar(&config.Fullbore, "fullbore", "", "`FILE` of a fullbore binary instead of building one")
	flags.StringVar(&config.Scratch, "scratch", "", "`FOLDER` to work in (default the system's temporary one)")
	flags.StringVar(&config.Markdown, "markdown", "", "write the report to `FILE` too")
	flags.StringVar(&config.JSON, "json", "", "write every figure to `FILE`")
	flags.StringSliceVar(&config.Plots, "plot", nil, "draw a bar chart to `FILE`, .svg or .png; may be repeated")
}

// applyQuick sets the flags of --quick that were not given.
func applyQuick(command *cobra.Command) error {
	for _, flag := range quick {
		if command.Flags().Changed(flag[0]) {
			continue
		}
		if err := command.Flags().Set(flag[0], flag[1]); err != nil {
			return fmt.Errorf("--quick: %w", err)
		}
	}
	return nil
}

func quickWords() string {
	words := make([]string, len(quick))
	for i, flag := range quick {
		words[i] = "--" + flag[0] + " " + flag[1]
	}
	return strings.Join(words, " ")
}

// sizes is a flag like 4KiB,64KiB.
type sizes []int64

// Set replaces the sizes.
func (s *sizes) Set(text string) error {
	*s = nil
	for word := range strings.SplitSeq(text, ",") {
		var size flagtype.Size
		if err := size.Set(word); err != nil {
			return err
		}
		*s = append(*s, int64(size))
	}
	return nil
}

func (s *sizes) String() string {
	words := make([]string, len(*s))
	for i, bytes := range *s {
		words[i] = strings.ReplaceAll(size(bytes), " ", "")
	}
	return strings.Join(words, ",")
}

// Type is the name of the value in help texts.
func (s *sizes) Type() string { return "sizes" }
