package watch

import (
	"time"

	"github.com/rs/zerolog"
)

// Settings are what may change while a Watch runs.
type Settings struct {
	// Every is the time between two samples. 0 turns sampling off;
	// memory is still returned to the system after bursts.
	Every time.Duration

	// Memory is the resident memory in bytes above which there is an alarm; 0 is
	// 90 % of the container's limit, if there is one.
	Memory int64

	// Growth is the memory in bytes that may be added per GB served.
	Growth int64

	// Cooldown is the least time between two alarms of one rule.
	Cooldown time.Duration

	// Keep is how many captures are kept; 0 makes none.
	Keep int

	// CPU is the length of the CPU profile in a capture; 0 is none.
	CPU time.Duration

	// Webhook is the URL that alarms are posted to; "" is none.
	Webhook string
}

// Config is what a Watch looks at. All functions must be safe for concurrent
// use and quick.
type Config struct {
	// BytesServed is how much was sent since the start.
	//
	// Required.
	BytesServed func() int64

	// Connections is how many are open.
	//
	// Required.
	Connections func() int

	// Peak is the most that were open since it was last called.
	//
	// Required. Nobody else may call it.
	Peak func() int

	// StateDir is the folder below which captures go: StateDir/profiles/.
	//
	// Optional. Default: "" makes no captures
	StateDir string

	// Events is where alarms are said.
	//
	// Optional. Default: nowhere
	Events zerolog.Logger

	// Settings to begin with.
	Settings Settings
}
