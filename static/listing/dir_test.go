package listing

// This file is a real folder as a Source, and a real server around it.

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// dirSource is an open folder of the file system.
type dirSource struct {
	root *os.Root
	dir  *os.File
}

func openDir(path string) (*dirSource, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	// Not through root: reading a folder opened by os.Root looks at every file.
	dir, err := os.Open(path)
	if err != nil {
		root.Close()
		return nil, err
	}
	return &dirSource{root, dir}, nil
}

func (s *dirSource) Close() error {
	s.dir.Close()
	return s.root.Close()
}

func (s *dirSource) ReadDir(n int) ([]Name, error) {
	entries, err := s.dir.ReadDir(n)
	names := make([]Name, len(entries))
	for i, e := range entries {
		names[i] = Name{e.Name(), e.IsDir()}
	}
	return names, err
}

func (s *dirSource) Stat(name string) (Entry, error) {
	info, err := s.root.Stat(name)
	if err != nil {
		return Entry{}, err
	}
	return Entry{IsFolder: info.IsDir(), Size: info.Size(), Modified: info.ModTime()}, nil
}

func (s *dirSource) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// memSource is a folder that exists only here, for what takes too long to make
// on a disk. It is empty files, and read as often as wanted.
type memSource struct {
	names   []Name
	next    int
	batch   int                     // names at a time, at most; 0 for as many as asked for
	entries func(name string) Entry // nil: empty files
	onRead  func()                  // before each ReadDir
	files   map[string]string
}

func (s *memSource) Close() error { return nil }

func (s *memSource) ReadDir(n int) ([]Name, error) {
	if s.onRead != nil {
		s.onRead()
	}
	if s.batch > 0 {
		n = min(n, s.batch)
	}
	names := s.names[s.next:min(s.next+n, len(s.names))]
	if len(names) == 0 {
		return nil, io.EOF
	}
	s.next += len(names)
	return names, nil
}

func (s *memSource) Stat(name string) (Entry, error) {
	if s.entries != nil {
		return s.entries(name), nil
	}
	return Entry{IsFolder: strings.HasPrefix(name, "folder")}, nil
}

func (s *memSource) ReadFile(name string, limit int64) ([]byte, error) {
	text, ok := s.files[name]
	if !ok {
		return nil, os.ErrNotExist
	}
	return []byte(text[:min(int64(len(text)), limit)]), nil
}

// serveFolder serves the folder root below prefix, its files included, on a
// real listener.
func serveFolder(t testing.TB, root, prefix string, config ...Config) (addr string) {
	t.Helper()
	l := New(config...)
	return serveApp(t, func(app *fiber.App) {
		app.Use(prefix, func(c *fiber.Ctx) error {
			rest := strings.TrimPrefix(string(c.Context().Path()), strings.TrimSuffix(prefix, "/"))
			path := filepath.Join(root, rest)
			info, err := os.Stat(path)
			if err != nil {
				return fiber.ErrNotFound
			}
			if !info.IsDir() {
				f, err := os.Open(path)
				if err != nil {
					return err
				}
				c.Context().SetBodyStream(f, int(info.Size()))
				return nil
			}
			src, err := openDir(path)
			if err != nil {
				return err
			}
			return l.Answer(c, Folder{Path: rest, IsRoot: rest == "/", Source: src})
		})
	})
}

// serveApp serves what add adds, with error pages.
func serveApp(t testing.TB, add func(*fiber.App)) (addr string) {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		status := fiber.StatusInternalServerError
		var known *fiber.Error
		switch {
		case errors.As(err, &known):
			status = known.Code
		case errors.Is(err, ErrBusy):
			c.Set(fiber.HeaderRetryAfter, "5")
			status = fiber.StatusServiceUnavailable
		}
		return AnswerError(c, status)
	}})
	add(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	t.Cleanup(func() {
		app.Shutdown()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// write makes a file below dir, and the folders above it.
func write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// response is one whose body was read.
type response struct {
	*http.Response
	body string
}

// ask sends a request with header fields, such as "Accept: text/html".
func ask(t testing.TB, method, url string, fields ...string) response {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		req.Header.Add(name, value)
	}
	// No compression unless it is asked for, no redirects.
	resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return response{resp, string(body)}
}

// browser is what Chromium sends.
const browser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

// nastyNames are names that a file system takes and that hurt those who are
// careless. They have no preview and no icon of their own.
var nastyNames = []string{
	"a b", "a#b", "a?b", "a%b", "a%20b", `a"b`, "a'b", "a&b", "a&lt;b", "a;b", "a:b", "a+b", "a=b", "javascript:alert(1)",
	"<img src=x onerror=1>", "<!--", "--><script>alert(1)<", "{{.}}", "${x}", "`", "new\nline", "cr\rline", "esc\x1b[31m", "del\x7f",
	"line\u2028separator", "right\u202eleft", "isolate\u2066x", "zero\u200bwidth", "bom\ufeff", "tag\U000e0041", "e\u0301", "\u00e9", "\xff\xfe", "half\xe2\x82",
	"..%2f", "...", " lead", "trail ", "-", "~", "#note", "# note", `a\b`, "\U0001f468\u200d\U0001f469", strings.Repeat("n", 255),
}

// makeNasty fills a folder with them. Each has its own name as its content.
func makeNasty(t testing.TB, dir string) {
	t.Helper()
	for _, name := range nastyNames {
		write(t, dir, name, name)
	}
}
