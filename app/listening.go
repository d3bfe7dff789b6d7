package app

import (
	"fmt"

	"fullbore/app/config"
	"fullbore/app/listen"
	"fullbore/app/systemd"
	"fullbore/app/wire"
)

// openDoors opens both listeners, or those sockets of theirs that the service
// manager has opened. admin is nil if it is off.
func (o *opened) openDoors(cfg config.Config) error {
	sockets, err := systemd.Inherit()
	if err != nil {
		return err
	}
	if o.public, err = o.openDoor("listen", cfg.Listen, sockets.Public, cfg, "accepting connections"); err != nil {
		sockets.Close()
		return err
	}
	if cfg.Admin == "" && sockets.Admin == nil {
		return nil
	}
	o.admin, err = o.openDoor("admin", []string{cfg.Admin}, sockets.Admin, cfg, "accepting connections of operators")
	return err
}

func (o *opened) openDoor(key string, addresses []string, inherited []wire.ListeningSocket, cfg config.Config, does string) (*door, error) {
	if inherited == nil {
		found, err := listenOn(addresses, cfg)
		if err != nil {
			return nil, fmt.Errorf("--%s %w", key, err)
		}
		for _, address := range found.Skipped {
			o.events.Warn().Str("event", "start").Msgf("--%s: %s is none of this machine's, so nothing listens there", key, address)
		}
		inherited = found.Sockets
	}
	return newDoor(inherited, cfg.Times, o.events.Trouble("accept", does)), nil
}

// listenOn opens what the settings name, which Validate has looked at.
func listenOn(texts []string, cfg config.Config) (listen.Opened, error) {
	addresses := make([]listen.Address, len(texts))
	var options listen.Options
	var err error
	for i, text := range texts {
		if addresses[i], err = listen.Parse(text); err != nil {
			return listen.Opened{}, fmt.Errorf("%s: %w", text, err)
		}
	}
	if options.Mode, err = listen.ParseMode(cfg.SocketMode); err != nil {
		return listen.Opened{}, err
	}
	if options.Owner, err = listen.ParseOwner(cfg.SocketOwner); err != nil {
		return listen.Opened{}, err
	}
	return listen.Open(addresses, options)
}
