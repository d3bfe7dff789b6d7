package app

import (
	"fmt"
	"slices"

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
	if o.public, err = o.openPublic(cfg, sockets.Public); err != nil {
		sockets.Close()
		return err
	}
	if cfg.Admin == "" && sockets.Admin == nil {
		return nil
	}
	found, err := o.openSockets("admin", []string{cfg.Admin}, sockets.Admin, cfg)
	if err == nil {
		o.admin = newDoor(found.Sockets, cfg.Times, nil, o.events.Trouble("accept", "accepting connections of operators"))
	}
	return err
}

// openPublic opens the public listener, and says on which of its sockets proxies
// introduce each connection.
func (o *opened) openPublic(cfg config.Config, inherited []wire.ListeningSocket) (*door, error) {
	everywhere := slices.Contains(cfg.ProxyProtocol, config.Everywhere)
	if inherited != nil && !everywhere && len(cfg.ProxyProtocol) > 0 {
		return nil, fmt.Errorf("--proxy-protocol %s: the service manager has opened the sockets, and not by the addresses of --listen; want %s",
			cfg.ProxyProtocol[0], config.Everywhere)
	}
	found, err := o.openSockets("listen", cfg.Listen, inherited, cfg)
	if err != nil {
		return nil, err
	}
	d := newDoor(found.Sockets, cfg.Times, o.proxies.Meet, o.events.Trouble("accept", "accepting connections"))
	for i, entrance := range d.Entrances() {
		entrance.Introduced = everywhere || inherited == nil && slices.Contains(cfg.ProxyProtocol, found.Asked[i].String())
	}
	return d, nil
}

// openSockets opens what a key names, unless there are such sockets already.
func (o *opened) openSockets(key string, addresses []string, inherited []wire.ListeningSocket, cfg config.Config) (listen.Opened, error) {
	if inherited != nil {
		return listen.Opened{Sockets: inherited}, nil
	}
	found, err := listenOn(addresses, cfg)
	if err != nil {
		return found, fmt.Errorf("--%s %w", key, err)
	}
	for _, address := range found.Skipped {
		o.events.Warn().Str("event", "start").Msgf("--%s: %s is none of this machine's, so nothing listens there", key, address)
	}
	return found, nil
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
