package cli

import (
	"errors"
	"fmt"
	"os"
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
it does, 1 if not. It is what the container image's health check runs.`,
		Args: noArguments,
	}
	var addr string
	config.BindAdmin(cmd.Flags(), &addr)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.FromEnv(cmd.Flags(), os.LookupEnv); err != nil {
			return usageError{err}
		}
		if addr == "" {
			return usageError{errors.New("health: the admin listener is off (--admin is empty)")}
		}
		if err := admin.Check(addr, healthTimeout); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "ok")
		return err
	}
	return cmd
}
