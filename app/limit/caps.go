package limit

import (
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"fullbore/app/client"
	"fullbore/logger"
)

// busy is when a place among the downloads may be free again. Nobody knows; it is long
// enough for many who ask again not to be a burden.
const busy = 5 * time.Second

// Caps refuses what is more than the settings allow. It is safe for concurrent use.
type Caps struct {
	Tally
	settings  atomic.Pointer[Settings]
	rates     atomic.Pointer[rates] // nil while there is no limit
	downloads *downloads
}

// New makes Caps with settings that Set may change.
func New(settings Settings) *Caps {
	c := &Caps{downloads: newDownloads()}
	c.Set(settings)
	return c
}

// Set changes the settings. What goes on already goes on.
func (caps *Caps) Set(settings Settings) {
	switch {
	case settings.Requests.N == 0:
		caps.rates.Store(nil)
	case caps.rates.Load() == nil:
		caps.rates.Store(newRates())
	}
	caps.settings.Store(&settings)
}

// Report is what each rule has refused, and how near it is to refusing more.
func (caps *Caps) Report() []Refused {
	settings, all := caps.settings.Load(), caps.Refused()
	running, client, its := caps.downloads.use()
	for i := range all {
		switch r := &all[i]; r.Rule {
		case Downloads:
			r.Now, r.Most = running, settings.Downloads
		case ClientDownloads:
			r.Now, r.Most = its, settings.ClientDownloads
			if its > 0 && r.Most > 0 {
				r.Client = client.String()
			}
		}
	}
	return all
}

// Handle is the middleware before the one that serves files.
func (caps *Caps) Handle(c *fiber.Ctx) error {
	settings := caps.settings.Load()
	if rates := caps.rates.Load(); rates != nil && settings.Requests.N > 0 {
		if wait := rates.take(keyOf(c), settings.Requests, time.Now()); wait > 0 {
			return Refuse(c, ClientRequests, fiber.StatusTooManyRequests, wait)
		}
	}
	err := c.Next()
	if err != nil || settings.Downloads == 0 && settings.ClientDownloads == 0 || !isDownload(c) {
		return err
	}
	return caps.download(c, settings)
}

// download takes a place for the download that is about to be sent, or refuses it.
func (caps *Caps) download(c *fiber.Ctx, settings *Settings) error {
	slot, rule := caps.downloads.begin(keyOf(c), settings.Downloads, settings.ClientDownloads)
	if slot != nil {
		c.Context().SetUserValue(slotKey, slot)
		return nil
	}
	status := fiber.StatusServiceUnavailable
	if rule == ClientDownloads {
		status = fiber.StatusTooManyRequests
	}
	takeBack(c)
	return Refuse(c, rule, status, busy)
}

func keyOf(c *fiber.Ctx) client.Key { return client.KeyOf(client.Of(c.Context())) }

// isDownload reports whether the content of a file, or a part of it, is about to be
// sent.
func isDownload(c *fiber.Ctx) bool {
	status := c.Response().StatusCode()
	if status != fiber.StatusOK && status != fiber.StatusPartialContent || !c.Context().IsGet() {
		return false
	}
	kind, _ := c.Context().UserValue(logger.KindKey).(string)
	return kind == "file"
}

// takeBack forgets a response, and closes its file.
func takeBack(c *fiber.Ctx) {
	c.Response().Reset()
	c.Context().RemoveUserValue(logger.KindKey)
}
