package app

// This file is what is served: the folder or file that the config names.

import (
	"time"

	"fullbore/app/config"
	"fullbore/static"
)

// openFiles opens what is served.
func openFiles(cfg config.Config) (*static.Handler, error) {
	f := cfg.Files
	policy := f.Policy
	if policy == config.PolicyStrict {
		policy = static.PolicyDefault
	}
	return static.Open(cfg.Path, static.Config{
		Index:                 f.Index,
		Browse:                f.Browse,
		Readme:                f.Readme,
		Download:              f.Download,
		MaxAge:                int(f.MaxAge / time.Second),
		Compress:              f.Compress,
		Precompressed:         f.Precompressed,
		Hidden:                f.Hidden,
		OutsideLinks:          f.OutsideLinks,
		Growing:               f.Growing,
		ContentSecurityPolicy: policy,
	})
}
