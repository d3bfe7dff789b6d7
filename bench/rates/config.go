//go:build linux

package rates

// This file is what can be set.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scopes of a limit.
const (
	ofServer     = "server"
	ofClient     = "client"
	ofConnection = "connection"
)

// Config says what to measure. Rates and sizes are in bytes.
type Config struct {
	Fullbore string   `json:"fullbore,omitempty"` // its binary; empty builds one
	With     []string `json:"with"`               // flags of serve; each is a subject of its own
	Exec     string   `json:"exec,omitempty"`     // another server instead, as a template
	Template string   `json:"template,omitempty"` // its configuration file, as a template

	Only        []string      `json:"only,omitempty"` // names of questions; empty is all
	Scopes      []string      `json:"scopes"`
	Connections []int         `json:"connections"`
	Rates       []int64       `json:"rates"`
	Settle      time.Duration `json:"settle_nanoseconds"` // from the first byte on, before anything is counted
	For         time.Duration `json:"for_nanoseconds"`    // what is counted
	FairRates   []int64       `json:"fair_rates"`         // for fairness and unused shares
	CostRates   []int64       `json:"cost_rates"`
	Rounds      int           `json:"rounds"`    // of cost, after one that warms up
	Downloads   int           `json:"downloads"` // paced at once, for memory

	Scratch  string `json:"scratch,omitempty"` // folder to work in; empty is the system's
	JSON     string `json:"-"`                 // file for every figure; empty is nowhere
	Markdown string `json:"-"`                 // file for the report; empty is nowhere
}

// ConfigDefault takes some twenty minutes.
var ConfigDefault = Config{
	With:   []string{"--engine epoll", "--engine goroutines"},
	Scopes: []string{ofServer, ofClient, ofConnection}, Connections: []int{1, 16, 1000},
	Rates:  []int64{100e3, 1e6, 10e6, 100e6, 1e9},
	Settle: time.Second, For: 10 * time.Second,
	FairRates: []int64{1e6, 10e6, 100e6}, CostRates: []int64{10e6, 100e6}, Rounds: 3,
	Downloads: 4000,
}

// quick are the flags that --quick sets: seconds, and figures that mean little.
var quick = [][2]string{
	{"with", "--engine auto"},
	{"scopes", "server"},
	{"connections", "1,16"},
	{"rates", "10MB"},
	{"fair-rates", "10MB"},
	{"cost-rates", "10MB"},
	{"settle", "100ms"},
	{"for", "500ms"},
	{"rounds", "1"},
	{"downloads", "50"},
}

func (c Config) validate() error {
	rates := slices.Concat(c.Rates, c.FairRates, c.CostRates)
	switch {
	case len(c.Connections) == 0 || slices.Min(c.Connections) < 1 || len(rates) == 0 || slices.Min(rates) < 1:
		return errors.New("--connections and rates must be numbers of at least 1")
	case c.Settle <= 0 || c.For <= 0 || c.Rounds < 1 || c.Downloads < 1:
		return errors.New("--settle, --for, --rounds and --downloads must be more than 0")
	case c.Template != "" && c.Exec == "":
		return errors.New("--template is the configuration of a server named by --exec")
	case c.Exec == "" && len(c.With) == 0:
		return errors.New("--with must be given once at least, if only as ''")
	}
	return errors.Join(among("--scopes", c.Scopes, ConfigDefault.Scopes), among("--only", c.Only, questionNames()))
}

// among checks that a flag's words are of those that there are.
func among(flag string, words, known []string) error {
	for _, word := range words {
		if !slices.Contains(known, word) {
			return fmt.Errorf("%s: no %q, there are %s", flag, word, strings.Join(known, ", "))
		}
	}
	return nil
}

// connections is how many of them there are at once, at most.
func (c Config) connections() int { return max(slices.Max(c.Connections), c.Downloads) }

// subjects are the names of what is measured: the flags that make the difference.
func (c Config) subjects() []string {
	if c.Exec != "" {
		return []string{strings.Fields(c.Exec)[0]}
	}
	return c.With
}

func (c Config) asks(question string) bool {
	return len(c.Only) == 0 || slices.Contains(c.Only, question)
}

func questionNames() []string {
	names := make([]string, len(questions))
	for i, question := range questions {
		names[i] = question.name
	}
	return names
}
