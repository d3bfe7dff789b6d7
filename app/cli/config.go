package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"fullbore/app/config"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config [PATH]",
		Short: "Check and show the settings that serve would have",
		Long: `Evaluate the settings as serve does, from the same file, environment, flags and
PATH, and print them as YAML, each with where it came from. Secrets in addresses
are masked.

It is also how to check a file before a reload: wrong settings are one line on
standard error that names file, line and key, and exit status 2.`,
		Example: `  fullbore config --config fullbore.yaml
  fullbore config --config fullbore.yaml >/dev/null && systemctl reload fullbore
  fullbore config --default >fullbore.yaml`,
		Args: atMostOnePath,
	}
	defaults := cmd.Flags().Bool("default", false, "print a file with all settings commented out, to begin with")
	markdown := cmd.Flags().Bool("markdown", false, "print a table of all settings")
	loader := config.Bind(cmd.Flags())
	completeSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *defaults && *markdown {
			return usageError{errors.New("config: takes one of --default and --markdown")}
		}
		if *defaults {
			return config.WriteDefault(cmd.OutOrStdout())
		}
		if *markdown {
			return config.WriteMarkdown(cmd.OutOrStdout())
		}
		if len(args) == 1 {
			loader.Path = args[0]
		}
		settings, err := loader.Load()
		if err != nil {
			return usageError{err}
		}
		return settings.WriteYAML(cmd.OutOrStdout())
	}
	return cmd
}

// completeSettings tells shells what the flags of settings may be.
func completeSettings(cmd *cobra.Command) {
	// The errors are of flags that do not exist.
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	for _, key := range new(config.Config).Keys() {
		if key.Values == nil {
			continue
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if slices.Contains(key.Values, "-") { // or a file
			directive = cobra.ShellCompDirectiveDefault
		}
		_ = cmd.RegisterFlagCompletionFunc(key.Name, cobra.FixedCompletions(key.Values, directive))
	}
	_ = cmd.MarkFlagDirname("state-dir")
}
