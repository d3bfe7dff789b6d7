//go:build linux

package rates

// This file is the command line.

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"fullbore/bench/flagtype"
)

// couldNotRun is an error that ends the program with exit code 1.
type couldNotRun struct{ error }

func (e couldNotRun) Unwrap() error { return e.error }

// ExitCode is the code to end the program with.
func (e couldNotRun) ExitCode() int { return 1 }

// Command is `rates`.
func Command() *cobra.Command {
	config := ConfigDefault
	var fast bool
	command := &cobra.Command{
		Use:   "rates",
		Short: "Measure at the clients how a server keeps the rates that it was given",
		Long: `rates starts a server with limits on its rate, downloads from it over real sockets,
and counts what arrives. Clients are source addresses, 127.0.1.1 and so on. It judges
nothing: it prints figures, as Markdown. Interrupted, it reports what it has.

Questions:
  shapes     the rate over --for and its error, the largest burst, the smallest share
             of a connection to the largest, for every scope, --connections and --rates
  fairness   a client with 16 connections beside one with 1
  unused     one client that wants a fifth of its share beside four that want more
  change     how long until another rate holds for downloads in flight (reload)
  cost       CPU per GB, paced and unpaced, the same bytes by turns
  memory     anonymous memory per paced download, and per one that stands still

Another server than fullbore is a command and, if it needs one, a configuration file,
both templates with {{.Address}}, {{.Files}}, {{.Scratch}}, {{.Config}}, and the limits
{{.Rate}}, {{.ClientRate}} and {{.ConnectionRate}}, in bytes per second, 0 for none.
SIGHUP must make it read the file again, if change is asked.`,
		Example: `  go run ./bench rates
  go run ./bench rates --only shapes --with '--engine epoll' --connections 16 --rates 1MB,10MB
  go run ./bench rates --scopes connection --only shapes --exec 'nginx -c {{.Config}} -e stderr' \
      --template bench/rates/testdata/nginx.conf
  go run ./bench rates --markdown rates.md --json rates.json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if fast {
				if err := applyQuick(command); err != nil {
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
	flags.StringVar(&config.Fullbore, "fullbore", "", "`FILE` of a fullbore binary instead of building one")
	flags.StringArrayVar(&config.With, "with", config.With, "more `FLAGS` of serve; repeated, each is measured")
	flags.StringVar(&config.Exec, "exec", "", "`COMMAND` that starts another server instead")
	flags.StringVar(&config.Template, "template", "", "`FILE` that its configuration is made from")
	flags.StringSliceVar(&config.Only, "only", nil, "`NAMES` of questions (default all: "+strings.Join(questionNames(), ", ")+")")
	flags.StringSliceVar(&config.Scopes, "scopes", config.Scopes, "what is limited: the `NAMES` of scopes")
	flags.IntSliceVar(&config.Connections, "connections", config.Connections, "`NUMBERS` of downloads at once")
	flags.Var((*rateList)(&config.Rates), "rates", "of all downloads together, per second")
	flags.DurationVar(&config.Settle, "settle", config.Settle, "from the first byte on, before anything is counted")
	flags.DurationVar(&config.For, "for", config.For, "how long to count")
	flags.Var((*rateList)(&config.FairRates), "fair-rates", "for fairness and unused")
	flags.Var((*rateList)(&config.CostRates), "cost-rates", "for cost")
	flags.IntVar(&config.Rounds, "rounds", config.Rounds, "rounds of cost, after one that warms up")
	flags.IntVar(&config.Downloads, "downloads", config.Downloads, "paced downloads at once, for memory")
	flags.StringVar(&config.Scratch, "scratch", "", "`FOLDER` to work in (default the system's temporary one)")
	flags.StringVar(&config.Markdown, "markdown", "", "write the report to `FILE` too")
	flags.StringVar(&config.JSON, "json", "", "write every figure to `FILE`")
}

// applyQuick sets the flags of --quick that were not given.
func applyQuick(command *cobra.Command) error {
	given := map[string]bool{}
	for _, flag := range quick {
		given[flag[0]] = command.Flags().Changed(flag[0])
	}
	for _, flag := range quick {
		if given[flag[0]] {
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
		if strings.Contains(flag[1], " ") {
			words[i] = "--" + flag[0] + " " + strconv.Quote(flag[1])
		}
	}
	return strings.Join(words, " ")
}

// rateList is a flag like 100KB,1MB.
type rateList []int64

// Set replaces the rates.
func (r *rateList) Set(text string) error {
	*r = nil
	for word := range strings.SplitSeq(text, ",") {
		var size flagtype.Size
		if err := size.Set(word); err != nil {
			return err
		}
		*r = append(*r, int64(size))
	}
	return nil
}

func (r *rateList) String() string {
	words := make([]string, 0, len(*r))
	for _, rate := range *r {
		words = append(words, strings.ReplaceAll(humanize.Bytes(uint64(rate)), " ", ""))
	}
	return strings.Join(words, ",")
}

// Type is the name of the value in help texts.
func (r *rateList) Type() string { return "rates" }
