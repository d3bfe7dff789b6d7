package limit

import (
	"net/netip"
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
	gate      Gate
	overload  *overload
}

// New makes Caps with settings that Set may change.
func New(settings Settings) *Caps {
	c := &Caps{downloads: newDownloads(), overload: newOverload()}
	c.gate.caps, c.gate.clients = c, newConnections()
	c.Set(settings)
	return c
}

// Gate is for the listener whose connections are counted. trusted says whose are those of
// many clients.
func (caps *Caps) Gate(trusted func(netip.Addr) bool) *Gate {
	caps.gate.trusted = trusted
	return &caps.gate
}

// Opened says that the process has all open that it needs before there are clients, so
// that what is left for these is known. It is for before connections are accepted.
func (caps *Caps) Opened() { caps.overload.reserve(caps.overload.limit, caps.overload.free()) }

// Set changes the settings. What goes on already goes on.
func (caps *Caps) Set(settings Settings) {
	switch {
	case settings.Requests.N == 0:
		caps.rates.Store(nil)
	case caps.rates.Load() == nil:
		caps.rates.Store(newRates())
	}
	caps.settings.Store(&settings)
	caps.downloads.set(settings)
}

// StopWaiting refuses the downloads that wait, and those that would, before a stop.
func (caps *Caps) StopWaiting() { caps.downloads.stop() }

// Report is what each rule has refused, and how near it is to refusing more.
func (caps *Caps) Report() []Refused {
	settings, all := caps.settings.Load(), caps.Refused()
	running, waiting, downloader, downloads := caps.downloads.use()
	connected, connections := caps.gate.clients.use()
	for i := range all {
		switch r := &all[i]; r.Rule {
		case Connections:
			r.Now, r.Most = int(caps.gate.open.Load()), settings.Connections
		case ClientConnections:
			r.near(connected, connections, settings.ClientConnections)
		case Downloads:
			r.Now, r.Most = running, settings.Downloads
		case ClientDownloads:
			r.near(downloader, downloads, settings.ClientDownloads)
		case Queue:
			r.Now, r.Most = waiting, settings.Queue.N
		}
	}
	return all
}

// near says how much the client with most has of what each may have.
func (r *Refused) near(key client.Key, n, most int) {
	if r.Most = most; most > 0 && n > 0 {
		r.Now, r.Client = n, key.String()
	}
}

// Handle is the middleware before the one that serves files.
func (caps *Caps) Handle(c *fiber.Ctx) error {
	if caps.overload.memory.Load() {
		return Refuse(c, Memory, fiber.StatusServiceUnavailable, busy)
	}
	settings := caps.settings.Load()
	if wait := caps.early(c, settings); wait > 0 {
		return Refuse(c, ClientRequests, fiber.StatusTooManyRequests, wait)
	}
	err := c.Next()
	if err != nil && exhausts(err) {
		caps.overload.descriptors.Store(true)
		return Refuse(c, Descriptors, fiber.StatusServiceUnavailable, busy)
	}
	if err != nil || settings.Downloads == 0 && settings.ClientDownloads == 0 || !isDownload(c) {
		return err
	}
	return caps.download(c, settings)
}

// CountOther counts a request that is answered without Handle, and if it comes too early
// refuses it instead.
func (caps *Caps) CountOther(c *fiber.Ctx) error {
	if wait := caps.early(c, caps.settings.Load()); wait > 0 {
		return Refuse(c, ClientRequests, fiber.StatusTooManyRequests, wait)
	}
	return nil
}

// early counts a request, and says after how long it may come if it may not now.
func (caps *Caps) early(c *fiber.Ctx, settings *Settings) time.Duration {
	if rates := caps.rates.Load(); rates != nil && settings.Requests.N > 0 {
		return rates.take(keyOf(c), settings.Requests, time.Now())
	}
	return 0
}

// download takes a place for the download that is about to be sent, waits for one, or
// refuses it.
func (caps *Caps) download(c *fiber.Ctx, settings *Settings) error {
	key := keyOf(c)
	if settings.Queue.N > 0 && isPage(c) {
		return caps.page(c, key)
	}
	slot, rule := caps.downloads.begin(key)
	if slot != nil {
		c.Context().SetUserValue(slotKey, slot)
		return nil
	}
	if settings.Queue.N > 0 {
		if w := caps.downloads.await(key); w != nil {
			return caps.wait(c, w)
		}
		rule = Queue
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
