package app

import (
	"fullbore/app/config"
	"fullbore/app/watch"
)

// watchSettings is what may change while the server runs.
func watchSettings(w config.Watch) watch.Settings {
	return watch.Settings{
		Every:    w.Every,
		Memory:   int64(w.Memory),
		Growth:   int64(w.Growth),
		Cooldown: w.Cooldown,
		Keep:     w.Keep,
		CPU:      w.CPU,
		Webhook:  w.Webhook,
	}
}
