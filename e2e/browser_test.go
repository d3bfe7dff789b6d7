//go:build unix

package e2e

// A real Chromium for the tests that need one. They share one process, which
// starts with the first of them and ends with the last; each opens a tab with
// storage of its own. A tab watches its page: whatever a page of ours must
// never do fails the test.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/inspector"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is the Chromium that tests share. Its zero value is not running.
type browser struct {
	mu    sync.Mutex
	users int
	ctx   context.Context
	dir   string // home and temporary folder of all its processes
	stop  func() error
}

var chromium browser

// inBrowser is the first call of a test that opens tabs: it starts Chromium if
// no other such test has, and runs the test in parallel with them.
func inBrowser(t *testing.T) {
	t.Helper()
	path := needTool(t, "chromium")
	if err := chromium.acquire(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chromium.release(); err != nil {
			t.Error(err)
		}
	})
	t.Parallel()
}

// acquire is before the test waits for its turn, so that all of them are users
// before the first one has ended.
func (b *browser) acquire(path string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users == 0 {
		if err := b.start(path); err != nil {
			return fmt.Errorf("start chromium: %w", err)
		}
	}
	b.users++
	return nil
}

func (b *browser) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users--
	if b.users > 0 {
		return nil
	}
	return b.stop()
}

func (b *browser) start(path string) error {
	dir, err := os.MkdirTemp("", "fullbore-chromium")
	if err != nil {
		return err
	}
	said := newLineCollector()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoInheritEnv, // neither settings nor a proxy
		chromedp.Env("PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME="+dir, "TMPDIR="+dir,
			"XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir, "XDG_RUNTIME_DIR="+dir),
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.CombinedOutput(said),
		chromedp.WindowSize(1280, 900),
		chromedp.DisableGPU,
		chromedp.Flag("no-sandbox", os.Geteuid() == 0),
		// Nothing but this machine can be reached.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("no-pings", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("disable-features", "Translate,MediaRouter,OptimizationHints,AutofillServerCommunication,CertificateTransparencyComponentUpdater"),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("mute-audio", true),
	)
	ctx, cancelAll := chromedp.NewExecAllocator(context.Background(), options...)
	quiet := func(string, ...any) {}
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithLogf(quiet), chromedp.WithErrorf(quiet))
	b.ctx, b.dir = ctx, dir
	b.stop = func() error {
		closing, cancelClosing := context.WithTimeout(ctx, patience)
		defer cancelClosing()
		err := chromedp.Cancel(closing)
		cancel()
		cancelAll()
		if gone := b.waitGone(); gone != nil {
			return gone
		}
		if removed := os.RemoveAll(dir); removed != nil {
			return removed
		}
		return err
	}
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		cancelAll()
		_ = os.RemoveAll(dir) // err says more
		return fmt.Errorf("%w; it said:\n%s", err, said)
	}
	return nil
}

// waitGone waits until no process of Chromium's is left. They all have its
// folder in their environment.
func (b *browser) waitGone() error {
	if runtime.GOOS != "linux" {
		return nil
	}
	mark := []byte("TMPDIR=" + b.dir + "\x00")
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var left []string
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range environments {
			if environment, err := os.ReadFile(name); err == nil && bytes.Contains(environment, mark) {
				left = append(left, filepath.Base(filepath.Dir(name)))
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("chromium ended, but left the processes %v", left)
		}
	}
}

// tab is a page in Chromium that is watched: what it says on the console, its
// errors, dialogs, violations of its Content-Security-Policy and requests to
// any other server than its own are complaints, and fail the test at its end.
type tab struct {
	t    *testing.T
	ctx  context.Context
	host string // of the one server that the page may ask

	server *server // if it is ours, and the test wants its log

	mu         sync.Mutex
	complaints []string
	expected   []string // parts of complaints that are none
	requests   []string // URLs
	dismissing sync.WaitGroup
}

// newTab opens a tab that may only ask the server at host.
func newTab(t *testing.T, host string) *tab {
	t.Helper()
	p := openTab(t, host)
	t.Cleanup(func() {
		for _, complaint := range p.heard() {
			t.Errorf("the page: %s", complaint)
		}
	})
	return p
}

// openTab is newTab without the failing.
func openTab(t *testing.T, host string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	ctx, cancelTimeout := context.WithTimeout(ctx, 2*patience)
	p := &tab{t: t, ctx: ctx, host: host}
	t.Cleanup(func() {
		p.dismissing.Wait()
		cancelTimeout()
		cancel()
	})
	if err := chromedp.Listen(ctx, p.watch); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, struct{}{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// watch notes an event. It must neither wait nor call Chromium.
func (p *tab) watch(event any) {
	switch e := event.(type) {
	case *cdpruntime.EventConsoleAPICalled:
		var said []string
		for _, arg := range e.Args {
			said = append(said, string(arg.Value)+arg.Description)
		}
		p.complain("console.%s: %s", e.Type, strings.Join(said, " "))
	case *cdpruntime.EventExceptionThrown:
		p.complain("error: %s", describe(e.ExceptionDetails))
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelInfo || e.Entry.Level == cdplog.EntryLevelVerbose {
			return // what Chromium says of its own accord
		}
		p.complain("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *audits.EventIssueAdded:
		if violation := e.Issue.Details.ContentSecurityPolicyIssueDetails; violation != nil {
			p.complain("Content-Security-Policy: %s refuses %q", violation.ViolatedDirective, violation.BlockedURL)
		}
	case *inspector.EventTargetCrashed:
		p.complain("crashed")
	case *page.EventJavascriptDialogOpening:
		p.complain("dialog: %s", e.Message)
		p.dismissing.Go(func() {
			_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{}) // it may be gone
		})
	case *network.EventRequestWillBeSent:
		p.requested(e.Request.URL)
	case *network.EventWebSocketCreated:
		p.requested(e.URL)
	}
}

func describe(e *cdpruntime.ExceptionDetails) string {
	if e.Exception == nil {
		return e.Text
	}
	return e.Text + " " + e.Exception.Description
}

// requested notes a request, and complains if it goes to another server.
func (p *tab) requested(target string) {
	p.mu.Lock()
	p.requests = append(p.requests, target)
	p.mu.Unlock()
	u, err := url.Parse(target)
	if err != nil || (u.Host != p.host && u.Scheme != "data" && u.Scheme != "blob" && u.Scheme != "about") {
		p.complain("request to another server: %s", target)
	}
}

func (p *tab) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, fmt.Sprintf(format, args...))
}

// expect makes complaints with this part none.
func (p *tab) expect(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, part)
}

// heard returns the complaints so far.
func (p *tab) heard() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
next:
	for _, complaint := range p.complaints {
		for _, part := range p.expected {
			if strings.Contains(complaint, part) {
				continue next
			}
		}
		all = append(all, complaint)
	}
	return all
}

// do runs actions, or ends the test.
func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("%v; the page: %q", err, p.heard())
	}
}

// open goes to a path of the server and waits until the page is loaded.
func (p *tab) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate("http://" + p.host + path))
}

// eval runs JavaScript in the page, past its policy, waits for the promise if
// it is one, and returns the value.
func eval[T any](p *tab, script string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v; the page: %q", script, err, p.heard())
	}
	return value
}

// waitFor waits until an expression is true in the page, or in the one that
// it is about to go to.
func (p *tab) waitFor(condition string) {
	p.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var is bool
		// While the page changes there is nothing to ask.
		if is, err = chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+condition+")")); is && err == nil {
			return
		}
	}
	p.t.Fatalf("waited in vain for %s (%v); the page: %q", condition, err, p.heard())
}

// colorScheme makes the user prefer "dark" or "light".
func (p *tab) colorScheme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// phone makes the tab one of a phone that is 390 pixels wide.
func (p *tab) phone() {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile,
		chromedp.EmulateTouch, chromedp.EmulatePortrait))
}

// noScript switches JavaScript off, for pages that are opened from now on.
// What eval runs is not the page's, and runs.
func (p *tab) noScript() {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		p.t.Fatal(err)
	}
}

// screenshot keeps a picture of the tab as NAME.png in the folder that
// FULLBORE_SCREENSHOTS names, if it does.
func (p *tab) screenshot(name string) {
	p.t.Helper()
	dir := os.Getenv("FULLBORE_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	write(p.t, filepath.Join(dir, name+".png"), string(picture))
}

// The watch over a page is worth nothing if it sees nothing.
func TestBrowserSeesWhatAPageDoes(t *testing.T) {
	inBrowser(t)
	sins := map[string]struct{ html, complaint string }{
		"console":   {`<script>console.log("said", 1)</script>`, `console.log: "said" 1`},
		"exception": {`<script>throw new Error("thrown")</script>`, "thrown"},
		"rejection": {`<script>Promise.reject(new Error("rejected"))</script>`, "rejected"},
		"dialog":    {`<script>alert("opened")</script>`, "dialog: opened"},
		"handler":   {`<img src=x onerror=alert(1)>`, "dialog: 1"},
		"missing":   {`<img src="/missing.png">`, "404"},
		"policy":    {`<meta http-equiv="Content-Security-Policy" content="script-src 'none'"><script>1</script>`, "Content-Security-Policy: script-src-elem"},
		"elsewhere": {`<img src="http://127.0.0.2:9/x.png">`, "request to another server: http://127.0.0.2:9/x.png"},
		"a name":    {`<link rel=stylesheet href="https://fonts.example/x.css">`, "request to another server: https://fonts.example/x.css"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sin, ok := sins[r.URL.Query().Get("sin")]
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
		} else if w.Header().Set("Content-Type", "text/html"); ok {
			_, _ = io.WriteString(w, "<!DOCTYPE html><link rel=icon href=data:,>"+sin.html)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	p := openTab(t, host)
	for name, sin := range sins {
		p.open("/?sin=" + url.QueryEscape(name))
		waitUntil(t, fmt.Sprintf("the page complains: %q", sin.complaint), func() bool {
			return strings.Contains(strings.Join(p.heard(), "\n"), sin.complaint)
		})
	}
	p = newTab(t, host)
	p.noScript()
	p.open("/?sin=console")
	if got := eval[int](p, "1+1"); got != 2 {
		t.Errorf("without JavaScript of the page, 1+1 is %d", got)
	}
}
