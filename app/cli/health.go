package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fullbore/app/admin"
	"fullbore/app/config"
)

// healthTimeout is for an answer of the admin listener, which is near.
const healthTimeout = 3 * time.Second

func newHealth() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it lives",
		Long: `Ask the admin listener of a running server whether it lives: exit status 0 if
it does, 1 if not. It is what the container image's health check runs.

With --ready it asks whether the server can be sent clients, which it cannot
while it drains. With --json it prints the score of its health, from 0 to 100,
with its parts and reasons; the exit status is 1 when the score is 0.`,
		Args: noArguments,
	}
	loader := config.Bind(cmd.Flags(), "admin")
	ready := cmd.Flags().Bool("ready", false, "ask whether the server can be sent clients")
	asJSON := cmd.Flags().Bool("json", false, "print the health score, its parts and reasons as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		addr, err := loader.One("admin")
		if err != nil {
			return usageError{err}
		}
		if addr == "" {
			return usageError{errors.New("health: the admin listener is off (--admin is empty)")}
		}
		path := admin.LivezPath
		switch {
		case *ready && *asJSON:
			return usageError{errors.New("health: --ready and --json are two questions; ask one")}
		case *ready:
			path = admin.ReadyzPath
		case *asJSON:
			path = admin.HealthPath + "?format=json"
		}
		status, body, err := admin.Ask(addr, path, healthTimeout)
		if err != nil {
			return err
		}
		if *asJSON && strings.HasPrefix(string(body), "{") {
			if _, err := cmd.OutOrStdout().Write(body); err != nil {
				return err
			}
			if status != http.StatusOK {
				return errors.New("health: the score is 0")
			}
			return nil
		}
		if status != http.StatusOK {
			return fmt.Errorf("%s: status %d: %s", addr, status, strings.TrimSpace(string(body)))
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "ok")
		return err
	}
	return cmd
}
