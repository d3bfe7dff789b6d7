package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"fullbore/app"
	"fullbore/app/config"
)

// memoryShare of a container's limit is where Go's garbage collector starts to
// work harder; the rest is for stacks and the kernel's socket buffers.
const memoryShare = 0.8

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [PATH]",
		Short: "Serve a folder, or one file",
		Long: `Serve a folder, or one file, for download.

In a terminal PATH defaults to the current folder; elsewhere it is required.
Each flag can be set in the environment too: --idle-timeout is
FULLBORE_IDLE_TIMEOUT. A flag wins over the environment.

When it is ready, a line per listener is printed to standard error. SIGTERM or
SIGINT stop it: downloads in flight may go on for the drain timeout; a second
signal ends it at once. SIGHUP reopens the access log's file.`,
		Example: `  fullbore serve /srv/files --listen :8080
  fullbore serve debian.iso
  fullbore serve . --access-log access.log --log-format combined`,
		Args: atMostOnePath,
	}
	cfg := config.Bind(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := config.FromEnv(cmd.Flags(), os.LookupEnv); err != nil {
			return usageError{err}
		}
		if len(args) == 1 {
			cfg.Path = args[0]
		} else if cfg.Path = "."; !interactive(cmd.InOrStdin()) {
			return usageError{errors.New("serve: PATH is missing: say which folder or file to serve")}
		}
		if err := cfg.Validate(); err != nil {
			return usageError{err}
		}
		return serve(*cfg, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func atMostOnePath(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{errors.New("serve: takes one PATH; see fullbore serve --help")}
	}
	return nil
}

// interactive reports whether a person types: then the current folder is what
// they mean.
func interactive(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func serve(cfg config.Config, stdout, stderr io.Writer) error {
	// Outside a container with a limit, or with GOMEMLIMIT set, this does
	// nothing, and says so as an error.
	_, _ = memlimit.Set(memlimit.WithRatio(memoryShare))

	// A log whose reader is gone is a write error, not the end of the server.
	signal.Ignore(syscall.SIGPIPE)

	server, err := app.New(cfg, stdout, stderr)
	if err != nil {
		return err
	}
	defer server.Close()
	ctx, release := handleSignals(server)
	defer release()
	return server.Run(ctx)
}

// handleSignals gives a context that ends with the first signal to stop. The
// second one ends the process. SIGHUP reopens the log. Release stops that.
func handleSignals(server *app.App) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	done := make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer close(done)
		for sig := range signals {
			switch {
			case sig == syscall.SIGHUP:
				server.ReopenLog()
			case ctx.Err() == nil:
				cancel()
			default:
				os.Exit(exitSignal + int(sig.(syscall.Signal))) //nolint:forcetypeassert // what signal.Notify gives here
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		<-done
		cancel()
	}
}
