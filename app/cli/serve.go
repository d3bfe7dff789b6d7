package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"fullbore/app"
	"fullbore/app/config"
)

// memoryShare of a container's limit is where Go's garbage collector starts to
// work harder; the rest is for stacks and the kernel's socket buffers.
const memoryShare = 0.8

const (
	// lastWords is for what waits for the logs when a second signal comes.
	lastWords = 200 * time.Millisecond

	// reloadGrace is for the reload that is in progress at the end. One that
	// hangs, in a file system on a network that is gone, ends with the process.
	reloadGrace = time.Second
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [PATH]",
		Short: "Serve a folder, or one file",
		Long: `Serve a folder, or one file, for download.

In a terminal PATH defaults to the current folder; elsewhere it is required.
Each flag can be set in a YAML file (idle-timeout: 30s; the file is named by
--config or FULLBORE_CONFIG) and in the environment (FULLBORE_IDLE_TIMEOUT=30s).
A flag wins over the environment, which wins over the file. "fullbore config"
shows what comes of that.

When it is ready, a line per listener is printed to standard error. SIGTERM or
SIGINT stop it: downloads in flight may go on for the drain timeout; a second
signal ends it at once, after what the logs take in 0.2 s. SIGHUP reopens the
access log's file and reloads the settings; a change of the config file reloads
them, too. Sockets passed by systemd are used in place of --listen and --admin.

Exit status: 0 after an orderly stop, also when downloads were cut at its end;
1 if it could not be done, 2 if it was asked for wrongly; 128 and its number
after a second signal.`,
		Example: `  fullbore serve /srv/files --listen :8080 --qr
  fullbore serve /srv/files --listen 127.0.0.1:8080 --listen unix:/run/fullbore/http.sock
  fullbore serve debian.iso
  fullbore serve --config fullbore.yaml
  fullbore serve . --access-log access.log --log-format combined`,
		Args: atMostOnePath,
	}
	loader := config.Bind(cmd.Flags())
	completeSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			loader.Path = args[0]
		}
		if interactive(cmd.InOrStdin()) {
			loader.DefaultPath = "."
		}
		load := func() (*config.Settings, error) { return loadWithPath(loader) }
		settings, err := load()
		if err != nil {
			return usageError{err}
		}
		return serve(settings, load, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func atMostOnePath(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{errors.New(cmd.Name() + ": takes one PATH; see " + cmd.CommandPath() + " --help")}
	}
	return nil
}

// loadWithPath evaluates the settings of a server, which needs a path.
func loadWithPath(loader *config.Loader) (*config.Settings, error) {
	settings, err := loader.Load()
	if err == nil && settings.Path == "" {
		err = errors.New("serve: PATH is missing: say which folder or file to serve")
	}
	return settings, err
}

// interactive reports whether a person types: then the current folder is what
// they mean.
func interactive(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func serve(settings *config.Settings, load func() (*config.Settings, error), stdout, stderr io.Writer) error {
	// Outside a container with a limit, or with GOMEMLIMIT set, this does
	// nothing, and says so as an error.
	_, _ = memlimit.Set(memlimit.WithRatio(memoryShare))

	// A log whose reader is gone is a write error, not the end of the server.
	signal.Ignore(syscall.SIGPIPE)

	server, err := app.New(settings.Config, version, stdout, stderr)
	if err != nil {
		return err
	}
	reloads := newReloader(settings.File, func(asked bool) { server.Reload(load, asked) })
	ctx, release := handleSignals(server, reloads.ask)
	defer func() {
		server.Close()
		release() // not before: a second signal may come while the logs are closed
	}()
	// Longer than ctx: the drain timeout may be changed during the drain.
	following, unfollow := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		reloads.run(following)
	}()
	err = server.Run(ctx, config.UnknownEnv(os.Environ())...)
	unfollow()
	select {
	case <-followed:
	case <-time.After(reloadGrace):
	}
	return err
}

// handleSignals gives a context that ends with the first signal to stop. The
// second one ends the process. SIGHUP reopens the log, and asks for a reload.
// Release stops that; it may be called twice.
func handleSignals(server *app.App, reload func()) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(context.Background())
	stops, hangups := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stops, os.Interrupt, syscall.SIGTERM)
	signal.Notify(hangups, syscall.SIGHUP)
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for sig := range stops {
			if ctx.Err() == nil {
				cancel()
				continue
			}
			server.FlushLogs(lastWords)
			os.Exit(exitSignal + int(sig.(syscall.Signal))) //nolint:forcetypeassert // what signal.Notify gives here
		}
	})
	// Apart from the others, and from reloads: a log on a disk that hangs makes
	// it wait, a folder that hangs makes them wait.
	handlers.Go(func() {
		for range hangups {
			server.ReopenLog()
			reload()
		}
	})
	return ctx, sync.OnceFunc(func() {
		signal.Stop(stops)
		signal.Stop(hangups)
		close(stops)
		close(hangups)
		handlers.Wait()
		cancel()
	})
}
