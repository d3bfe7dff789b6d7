package config

import (
	"time"

	"github.com/spf13/pflag"
)

// Operations is how the server watches itself and tells of it.
type Operations struct {
	EventFormat   string        // of standard error: EventsAuto, EventsText or EventsJSON
	StateDir      string        // where captured profiles go
	AdminHosts    []string      // names that the admin listener answers to besides addresses and names without a dot
	DownloadAfter time.Duration // a download of which nothing is asked for so long is abandoned
	DownloadFrom  Size          // downloads of files from this size on, or in several requests, are events
	Watch         Watch
}

// Watch is the watchdog's settings.
type Watch struct {
	Every    time.Duration // between samples; 0 is off
	Memory   Size          // resident memory that is too much; 0 is 90 % of the container's limit, if there is one
	Growth   Size          // memory that may be added per GB served before that is called a leak
	Cooldown time.Duration // between two captures of profiles for one rule
	Keep     int           // captures that are kept
	CPU      time.Duration // length of the CPU profile in a capture; 0 is none
	Webhook  string        // URL that alarms are posted to; "" is none
}

// The formats of events.
const (
	EventsAuto = "auto" // text in a terminal, else JSON
	EventsText = "text"
	EventsJSON = "json"
)

func bindOperations(flags *pflag.FlagSet, o *Operations) {
	o.DownloadFrom, o.Watch.Growth = 1<<20, 256<<10
	flags.StringVar(&o.EventFormat, "event-format", EventsAuto, `how events are written to standard error: "text", "json", or "auto": text in a terminal`)
	flags.StringVar(&o.StateDir, "state-dir", "", "folder for captured profiles; empty is fullbore below the user's state folder")
	flags.StringSliceVar(&o.AdminHosts, "admin-hosts", nil, "names with a dot that the admin listener answers to; addresses and other names need no mention")
	flags.DurationVar(&o.DownloadAfter, "download-expiry", 10*time.Minute, "count an unfinished download as abandoned when nothing of it is asked for this long")
	flags.Var(&o.DownloadFrom, "download-events", "write an event for each download of at least this size, or of several requests; 0 is all")
	flags.DurationVar(&o.Watch.Every, "watch-every", 5*time.Second, "how often the watchdog looks at memory, goroutines and descriptors; 0 is off")
	flags.Var(&o.Watch.Memory, "watch-memory", "resident memory that raises an alarm; 0 is 90 % of the container's limit")
	flags.Var(&o.Watch.Growth, "watch-growth", "memory added per GB served that raises an alarm when it goes on")
	flags.DurationVar(&o.Watch.Cooldown, "watch-cooldown", 10*time.Minute, "time between two captures of profiles for the same alarm")
	flags.IntVar(&o.Watch.Keep, "watch-keep", 10, "how many captures of profiles to keep")
	flags.DurationVar(&o.Watch.CPU, "watch-cpu", 0, "length of the CPU profile in a capture; 0 is none")
	flags.StringVar(&o.Watch.Webhook, "watch-webhook", "", "URL that alarms are posted to as JSON")
}
