package config

import (
	"slices"
	"strings"
	"time"

	"fullbore/app/watch"
)

// Operations is how the server watches itself and tells of it.
type Operations struct {
	EventFormat   string         // of standard error: EventsAuto, EventsText or EventsJSON
	StateDir      string         // where captured profiles go
	AdminHosts    []string       // names that the admin listener answers to besides addresses and names without a dot
	DownloadAfter time.Duration  // a download of which nothing is asked for so long is abandoned
	DownloadFrom  Size           // downloads of files from this size on, or in several requests, are events
	Watch         watch.Settings // the watchdog
}

// The formats of events.
const (
	EventsAuto = "auto" // text in a terminal, else JSON
	EventsText = "text"
	EventsJSON = "json"
)

// watchEveryMin is the shortest time between two looks of the watchdog: more
// often, it would be what it looks for.
const watchEveryMin = 10 * time.Millisecond

// watchCPUMax is the longest CPU profile: no other capture is made meanwhile,
// and nobody else can take one.
const watchCPUMax = time.Minute

func (o *Operations) validate() error {
	if formats := []string{EventsAuto, EventsText, EventsJSON, ""}; !slices.Contains(formats, o.EventFormat) {
		return wrong("event-format", "%q: want auto, text or json", o.EventFormat)
	}
	for _, host := range o.AdminHosts {
		if host == "" || strings.ContainsAny(host, "/:@ \t\r\n") {
			return wrong("admin-hosts", "%q: want names such as fullbore.example.org", host)
		}
	}
	if o.DownloadAfter <= 0 {
		return wrong("download-expiry", "%v: want more than 0", duration(o.DownloadAfter))
	}
	return validateWatch(&o.Watch)
}

func validateWatch(w *watch.Settings) error {
	if w.Every != 0 && w.Every < watchEveryMin {
		return wrong("watch-every", "%v: want 0, which is off, or at least %v", duration(w.Every), duration(watchEveryMin))
	}
	if w.Cooldown < 0 {
		return wrong("watch-cooldown", "%v: want 0 or more", duration(w.Cooldown))
	}
	if w.Keep < 0 {
		return wrong("watch-keep", "%d: want 0 or more", w.Keep)
	}
	if w.CPU < 0 || w.CPU > watchCPUMax {
		return wrong("watch-cpu", "%v: want 0, which is none, to %v", duration(w.CPU), duration(watchCPUMax))
	}
	if w.Webhook != "" && !validURL(w.Webhook) {
		return wrong("watch-webhook", "want a URL such as https://alerts.example.org/fullbore")
	}
	return nil
}
