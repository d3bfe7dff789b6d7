package config

// The one list of settings: flags, file, environment, reload and the
// documentation's table are made from it.

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"fullbore/app/client"
	"fullbore/app/watch"
	"fullbore/static"
)

// envPrefix begins the name of every environment variable of ours.
const envPrefix = "FULLBORE_"

// Key is one setting.
type Key struct {
	Name    string      // as in the file, and of the flag
	Section string      // keys of the same one stand together
	Usage   string      // what it means, in a sentence
	Live    bool        // a reload can change it; else it takes a restart
	Values  []string    // words that can be chosen from; nil: there are none
	Value   pflag.Value // where its value is; String writes it as Set reads it
}

// The sections.
const (
	sectionServing   = "Serving"
	sectionTimes     = "Time limits"
	sectionFiles     = "Files and folders"
	sectionBandwidth = "Bandwidth"
	sectionLimits    = "Limits"
	sectionLog       = "Access log"
	sectionAdmin     = "Operations"
	sectionWatch     = "Watchdog"
)

// pathKey stands for an argument, not a flag.
const pathKey = "path"

// Keys lists all settings. Their values are those of c, so that Set changes it.
func (c *Config) Keys() []Key {
	return slices.Concat(c.servingKeys(), c.timeKeys(), c.Files.keys(), c.Bandwidth.keys(), limitKeys(&c.Limits), c.logKeys(), c.Operations.keys(), watchKeys(&c.Operations.Watch))
}

func (c *Config) servingKeys() []Key {
	return []Key{
		{pathKey, sectionServing, "the folder or file to serve; serve's argument", true, nil, (*text)(&c.Path)},
		{"listen", sectionServing, "addresses to serve on: HOST:PORT, :PORT, INTERFACE:PORT or unix:FILE; port 0 picks a free one", false, nil, &list{to: &c.Listen}},
		{"admin", sectionServing, `address of the admin listener, in the same forms; "" is off`, false, nil, (*text)(&c.Admin)},
		{"base-path", sectionServing, "what every path begins with, such as /files, behind a proxy that passes it on", false, nil, (*text)(&c.BasePath)},
		{"trusted-proxies", sectionServing, "addresses and networks of proxies, and unix for those on a Unix socket, whose header fields say who a client is", true, []string{client.Unix}, &list{to: &c.TrustedProxies}},
		{"proxy-protocol", sectionServing, "expect a PROXY header (version 1 or 2) of a trusted proxy at the beginning of each connection: all, or some of listen's addresses; the flag alone is all", false, []string{Everywhere}, &places{list{to: &c.ProxyProtocol}}},
		{"socket-mode", sectionServing, "permissions of the file of a Unix socket", false, nil, (*text)(&c.SocketMode)},
		{"socket-owner", sectionServing, "USER, USER:GROUP or :GROUP that owns the file of a Unix socket; empty is who runs the server", false, nil, (*text)(&c.SocketOwner)},
		{"qr", sectionServing, "in a terminal, draw the first URL that others in the network can use as a QR code", false, nil, (*boolean)(&c.QR)},
		{"engine", sectionServing, "what carries connections: epoll (event loops, on Linux), goroutines (one for each connection), or auto", false, []string{EngineAuto, EngineEpoll, EngineGoroutines}, (*text)(&c.Engine)},
		{"hot-cache", sectionServing, "keep this much of files that are asked for again and again, on event loops: content up to 16 KiB, descriptors of larger ones; 0 is off", true, nil, &c.HotCache},
		{"drain-timeout", sectionServing, "on a stop, let downloads go on for this long", true, nil, (*duration)(&c.DrainTimeout)},
	}
}

func (f *Files) keys() []Key {
	return []Key{
		{"index", sectionFiles, "the file that stands for its folder", true, nil, (*text)(&f.Index)},
		{"browse", sectionFiles, "list folders without an index file; false answers 403", true, nil, (*boolean)(&f.Browse)},
		{"readme", sectionFiles, "show a folder's README or HEADER file above its listing", true, nil, (*boolean)(&f.Readme)},
		{"download", sectionFiles, "make browsers save files rather than show them, as ?download does for one", true, nil, (*boolean)(&f.Download)},
		{"max-age", sectionFiles, "how long caches may keep a file without asking again, such as 1h", true, nil, (*duration)(&f.MaxAge)},
		{"etag", sectionFiles, "how files get their entity tags: auto (size and time, the same for a copy with its times), inode (another for every copy), seconds (as nginx), weak, or off", true, []string{static.ETagAuto, static.ETagInode, static.ETagSeconds, static.ETagWeak, static.ETagOff}, (*text)(&f.ETag)},
		{"compress", sectionFiles, "compress text of 1 KiB to 10 MiB on the fly, by zstd or gzip", true, nil, (*boolean)(&f.Compress)},
		{"precompressed", sectionFiles, "send the .zst, .br or .gz beside a file to clients that accept it", true, nil, (*boolean)(&f.Precompressed)},
		{"hidden", sectionFiles, "serve and list files and folders whose name begins with a dot", true, nil, (*boolean)(&f.Hidden)},
		{"outside-links", sectionFiles, "follow symbolic links that lead out of the folder", true, nil, (*boolean)(&f.OutsideLinks)},
		{"growing", sectionFiles, "send files that are being appended to, such as logs; else they count as changed", true, nil, (*boolean)(&f.Growing)},
		{"dav", sectionFiles, "let folders be mounted by WebDAV, read-only", true, nil, (*boolean)(&f.DAV)},
		{"cors", sectionFiles, `origins whose pages may read files, such as https://example.com; "*" is any, none by default`, true, []string{"*"}, &list{to: &f.CORS}},
		{"resource-policy", sectionFiles, "Cross-Origin-Resource-Policy: same-origin, same-site or cross-origin; empty sends none", true, []string{"same-origin", "same-site", "cross-origin"}, (*text)(&f.Resource)},
		{"csp", sectionFiles, `Content-Security-Policy of HTML, SVG and XML files: "strict" (no scripts), "none" or a policy`, true, []string{PolicyStrict, "none"}, (*text)(&f.Policy)},
		{"types", sectionFiles, `media types by pattern, such as {"*.box": application/gzip}; the first that matches wins`, true, nil, &rules{to: &f.Types, check: static.CheckType}},
		{"charset", sectionFiles, `charsets of text by pattern, such as {"*.txt": iso-8859-1}; the first that matches wins, "none" names none`, true, nil, &rules{to: &f.Charsets, check: static.CheckCharset}},
		{"headers", sectionFiles, `header fields of files by pattern, such as {"*.zip": {Cache-Control: no-store}}; all that match apply, the last wins`, true, nil, &rules{to: &f.Headers}},
	}
}

func (c *Config) logKeys() []Key {
	return []Key{
		{"access-log", sectionLog, `where access records go: "-" (standard output), "off" or a file`, false, []string{"-", "off"}, (*text)(&c.AccessLog)},
		{"log-format", sectionLog, "json, combined, common, console, or a template such as '${ip} ${path} ${bytesSent}'", false, []string{"json", "combined", "common", "console"}, (*text)(&c.LogFormat)},
		{"log-max-size", sectionLog, "rotate the access log's file when it gets larger, such as 100MiB; 0 is never", false, nil, &c.LogMaxSize},
		{"log-max-age", sectionLog, "rotate the access log's file when it gets older, such as 7d; 0 is never", false, nil, (*duration)(&c.LogMaxAge)},
		{"log-keep", sectionLog, "how many rotated files to keep; 0 is all", false, nil, (*integer)(&c.LogKeep)},
	}
}

func (o *Operations) keys() []Key {
	return []Key{
		{"event-format", sectionAdmin, `how events are written to standard error: "text", "json", or "auto": text in a terminal`, false, []string{EventsAuto, EventsText, EventsJSON}, (*text)(&o.EventFormat)},
		{"state-dir", sectionAdmin, "folder for captured profiles; empty is fullbore below the user's state folder", false, nil, (*text)(&o.StateDir)},
		{"admin-hosts", sectionAdmin, "names with a dot that the admin listener answers to; addresses and other names need no mention", true, nil, &list{to: &o.AdminHosts}},
		{"download-expiry", sectionAdmin, "count an unfinished download as abandoned when nothing of it is asked for this long", true, nil, (*duration)(&o.DownloadAfter)},
		{"download-events", sectionAdmin, "write an event for each download of at least this size, or of several requests; 0 is all", true, nil, &o.DownloadFrom},
	}
}

func watchKeys(w *watch.Settings) []Key {
	return []Key{
		{"watch-every", sectionWatch, "how often the watchdog looks at memory, goroutines and descriptors; 0 is off", true, nil, (*duration)(&w.Every)},
		{"watch-memory", sectionWatch, "resident memory that raises an alarm; 0 is 90 % of the container's limit", true, nil, (*Size)(&w.Memory)},
		{"watch-growth", sectionWatch, "memory added per GB served that raises an alarm when it goes on", true, nil, (*Size)(&w.Growth)},
		{"watch-cooldown", sectionWatch, "time between two captures of profiles for the same alarm", true, nil, (*duration)(&w.Cooldown)},
		{"watch-keep", sectionWatch, "how many captures of profiles to keep", true, nil, (*integer)(&w.Keep)},
		{"watch-cpu", sectionWatch, "length of the CPU profile in a capture; 0 is none", true, nil, (*duration)(&w.CPU)},
		{"watch-webhook", sectionWatch, "URL that alarms are posted to as JSON", true, nil, (*secretURL)(&w.Webhook)},
	}
}

// envName is the environment variable of a key: idle-timeout is
// FULLBORE_IDLE_TIMEOUT.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// fileOnly reports whether only the file can have the key: patterns are no words for a
// flag or a variable.
func (k Key) fileOnly() bool {
	_, ok := k.Value.(*rules)
	return ok
}

// Shown is the value for people and logs, with secrets masked.
func (k Key) Shown() string {
	if secret, ok := k.Value.(interface{ Masked() string }); ok {
		return secret.Masked()
	}
	return k.Value.String()
}

// Change is a key whose value is another one now.
type Change struct {
	Key      Key    // of the new config
	Old, New string // the values, as Key.Shown has them
}

// String is the change as in "idle-timeout: 1m -> 30s".
func (c Change) String() string {
	return c.Key.Name + ": " + shownText(c.Old) + " -> " + shownText(c.New)
}

func shownText(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

// Changes lists what differs between two configs, in the order of Keys.
func Changes(was, is *Config) []Change {
	var changes []Change
	old := was.Keys()
	for i, key := range is.Keys() {
		if old[i].Value.String() != key.Value.String() {
			changes = append(changes, Change{key, old[i].Shown(), key.Shown()})
		}
	}
	return changes
}

// nearest is the name that was most likely meant, "" if none comes near.
func nearest(name string, names []string) string {
	best, found := max(1, len(name)/3)+1, ""
	for _, candidate := range names {
		if d := distance(name, candidate); d < best {
			best, found = d, candidate
		}
	}
	return found
}

// distance counts the letters that have to be put in, taken out or exchanged to
// make b of a (Levenshtein), and takes - and _ for the same.
func distance(a, b string) int {
	a, b = strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-")
	if len(a) > 2*len(b)+4 { // too far for a suggestion
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
