//go:build linux

// Bench measures download servers from outside: it starts or watches a process
// and speaks HTTP to it. It imports nothing of fullbore, so that it can measure
// any server by the same rule.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fullbore/bench/attack"
	"fullbore/bench/canary"
	"fullbore/bench/peers"
	"fullbore/bench/rates"
	"fullbore/bench/soak"
)

const exitWrongUsage = 2

func main() { os.Exit(run()) }

// run executes the command line and returns the exit code.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Measure download servers: memory over time, CPU per byte",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(soak.Command(), peers.Command(), canary.Command(), rates.Command(), attack.Command())
	if err := root.ExecuteContext(ctx); err != nil {
		return exitCode(err)
	}
	return 0
}

// exitCode prints the error on one line, unless everything has been said, and
// returns the exit code. What has no code of its own is wrong usage.
func exitCode(err error) int {
	if message := err.Error(); message != "" {
		fmt.Fprintln(os.Stderr, "bench: "+strings.ReplaceAll(message, "\n", "; "))
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return exitWrongUsage
}
