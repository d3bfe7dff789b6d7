package static

import (
	"mime"
	"strings"
	"testing"
)

func TestMediaType(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"index.html", "text/html; charset=utf-8"},
		{"INDEX.HTM", "text/html; charset=utf-8"},
		{"app.js", "text/javascript; charset=utf-8"},
		{"app.mjs", "text/javascript; charset=utf-8"},
		{"app.css", "text/css; charset=utf-8"},
		{"main.go", "text/plain; charset=utf-8"},
		{"shell.php", "text/plain; charset=utf-8"},
		{"seg001.ts", "video/mp2t"},
		{"data.json", "application/json"},
		{"places.geojson", "application/geo+json"},
		{"rows.jsonl", "application/x-ndjson"},
		{"rows.parquet", "application/vnd.apache.parquet"},
		{"rows.csv", "text/csv; charset=utf-8"},
		{"linux-6.12.tar.gz", "application/gzip"},
		{"linux-6.12.tar.xz", "application/x-xz"},
		{"linux-6.12.tar.zst", "application/zstd"},
		{"debian-13.iso", "application/vnd.efi.iso"},
		{"a_1.0-1_amd64.deb", "application/vnd.debian.binary-package"},
		{"A.AppImage", "application/vnd.appimage"},
		{"a.txt.asc", "application/pgp-signature"},
		{"a.iso.sha256", "text/plain; charset=utf-8"},
		{"photo.JPG", "image/jpeg"},
		{"logo.svg", "image/svg+xml"},
		{"logo.svgz", "application/gzip"},
		{"film.mkv", "video/matroska"},
		{"film.m3u8", "application/vnd.apple.mpegurl"},
		{"model.safetensors", "application/octet-stream"},
		{"a.xml", "application/xml"},
		{".hidden.json", "application/json"},
		{"ümlaut.PDF", "application/pdf"},

		{"README", "text/plain; charset=utf-8"},
		{"Makefile", "text/plain; charset=utf-8"},
		{"SHA256SUMS", "text/plain; charset=utf-8"},
		{"LICENSE", "text/plain; charset=utf-8"},
	} {
		if got, ok := mediaType(c.name); got != c.want || !ok {
			t.Errorf("%s is %q, %v; want %q", c.name, got, ok, c.want)
		}
	}
	for _, c := range []struct{ name, want string }{
		{"a.unheardof", octetStream},
		{"a.tar.gz~", octetStream},
		{"a." + strings.Repeat("x", 250), octetStream},
		{"a.html\x00", octetStream},
		{"a.\xff", octetStream},
		{"a.html ", octetStream},
		// No extension.
		{"", ""},
		{".", ""},
		{"data", ""},
		{"data.", ""},
		{".json", ""},
		{"syslog.1", ""},
		{"libc.so.6", ""},
		{"fullbore-1.2.3", ""},
		{strings.Repeat("x", 255), ""},
	} {
		if got, ok := mediaType(c.name); got != c.want || ok {
			t.Errorf("%s is %q, %v; want %q, not known", c.name, got, ok, c.want)
		}
	}
}

func TestMediaTypesTable(t *testing.T) {
	seen := map[string]string{}
	for _, row := range mediaTypes {
		base, params, err := mime.ParseMediaType(row.mediaType)
		if err != nil {
			t.Errorf("%s: %v", row.mediaType, err)
		}
		if mime.FormatMediaType(base, params) != row.mediaType {
			t.Errorf("%s is not as it is written by convention", row.mediaType)
		}
		if want := strings.HasPrefix(base, "text/"); (params["charset"] == "utf-8") != want {
			t.Errorf("%s: the charset belongs to text", row.mediaType)
		}
		for _, ext := range strings.Fields(row.extensions) {
			if seen[ext] != "" {
				t.Errorf("%s is in the table twice, %s and %s", ext, seen[ext], row.mediaType)
			}
			seen[ext] = row.mediaType
			// The way that requests take: this finds keys with capitals or too long.
			if got, ok := mediaType("a." + strings.ToUpper(ext)); got != row.mediaType || !ok {
				t.Errorf("a.%s is %q, %v; want %q", ext, got, ok, row.mediaType)
			}
		}
	}
	for name := range plainNames {
		if _, ok := mediaType(strings.ToUpper(name)); !ok {
			t.Errorf("%s is not found", name)
		}
	}
}

func TestMediaTypeDoesNotAllocate(t *testing.T) {
	for _, name := range []string{"fullbore.tar.gz", "README.MD", "Makefile", "a.unheardof"} {
		if n := testing.AllocsPerRun(100, func() { mediaType(name) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestSniff(t *testing.T) {
	line := strings.Repeat("x", 511) // a byte short of what is looked at
	for _, c := range []struct{ about, head, want string }{
		{"nothing", "", "text/plain; charset=utf-8"},
		{"text", "hello\n", "text/plain; charset=utf-8"},
		{"UTF-8", "größe\n", "text/plain; charset=utf-8"},
		{"UTF-8 with byte order mark", "\xef\xbb\xbfa", "text/plain; charset=utf-8"},
		{"ISO 8859-1", "gr\xf6\xdfe\n", "text/plain"},
		{"HTML", "<!DOCTYPE html><script>alert(1)</script>", "text/plain; charset=utf-8"},
		{"HTML in ISO 8859-1", "<html>\xf6", "text/plain"},
		{"XML", `<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml"/>`, "text/plain; charset=utf-8"},
		{"SVG", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "text/plain; charset=utf-8"},
		{"UTF-16", "\xff\xfea\x00", "text/plain; charset=utf-16le"},
		{"two-byte rune cut", line + "ö", "text/plain; charset=utf-8"},
		{"three-byte rune cut after two", line[1:] + "€", "text/plain; charset=utf-8"},
		{"four-byte rune cut after three", line[2:] + "📦", "text/plain; charset=utf-8"},
		{"rune whole at the end", line[1:] + "ö", "text/plain; charset=utf-8"},
		{"wrong byte at the end", line + "\xff", "text/plain"},
		{"continuation alone at the end", line + "\x80", "text/plain"},
		{"rune cut by the file's end", "abc\xc3", "text/plain"},
		{"wrong further on", line + "x\xff", "text/plain; charset=utf-8"},
		{"PNG", "\x89PNG\r\n\x1a\n", "image/png"},
		{"gzip", "\x1f\x8b\x08", "application/x-gzip"},
		{"ELF", "\x7fELF\x02\x01\x01\x00", "application/octet-stream"},
		{"PDF", "%PDF-1.7", "application/pdf"},
	} {
		if got := sniff([]byte(c.head)); got != c.want {
			t.Errorf("%s: %q, want %q", c.about, got, c.want)
		}
	}
}

func FuzzSniffIsNeverActive(f *testing.F) {
	for _, head := range []string{"", "<html>", "<?xml", "\xef\xbb\xbf<html>", "\xff\xfe<\x00", "<svg", "%PDF-", "\x00"} {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		got := sniff(head)
		if _, _, err := mime.ParseMediaType(got); err != nil || active(got) {
			t.Errorf("%q is %s, %v", head, got, err)
		}
	})
}

func TestCompressible(t *testing.T) {
	for _, c := range []struct {
		mediaType string
		want      bool
	}{
		{"text/plain; charset=utf-8", true},
		{"text/plain", true},
		{"Text/HTML;charset=utf-8", true},
		{"text/csv; charset=utf-8", true},
		{"application/json", true},
		{"application/geo+json", true},
		{"application/xml", true},
		{"image/svg+xml", true},
		{"application/wasm", true},
		{"font/ttf", true},
		{"", false},
		{octetStream, false},
		{"application/zip", false},
		{"application/gzip", false},
		{"application/epub+zip", false},
		{"font/woff2", false},
		{"image/png", false},
		{"video/mp2t", false},
		{"application/jsonx", false},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
	} {
		if got := compressible(c.mediaType); got != c.want {
			t.Errorf("%q: %v", c.mediaType, got)
		}
	}
	// Every entry of the set is one that a file can have.
	for entry := range compressibleTypes {
		if entry == "image/x-icon" {
			continue // from sniff
		}
		found := false
		for _, row := range mediaTypes {
			found = found || essence(row.mediaType) == entry
		}
		if !found {
			t.Errorf("no file is %s", entry)
		}
	}
}

func TestActive(t *testing.T) {
	for _, c := range []struct {
		mediaType string
		want      bool
	}{
		{"text/html; charset=utf-8", true},
		{"TEXT/HTML", true},
		{" text/html ;charset=utf-8", true},
		{"application/xhtml+xml", true},
		{"image/svg+xml", true},
		{"application/xml", true},
		{"text/xml; charset=utf-8", true},
		{"text/xsl", true},
		{"application/rss+xml", true},
		{"application/xslt+xml", true},
		{"message/rfc822", true},
		{"multipart/related", true},
		{"multipart/x-mixed-replace; boundary=x", true},
		{"", false},
		{"text/plain; charset=utf-8", false},
		{"text/plain; x=text/html", false},
		{"text/javascript; charset=utf-8", false},
		{"application/pdf", false},
		{"application/json", false},
		{"image/png", false},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
	} {
		if got := active(c.mediaType); got != c.want {
			t.Errorf("%q: %v", c.mediaType, got)
		}
	}
}

func BenchmarkMediaType(b *testing.B) {
	for _, name := range []string{"fullbore-1.0.tar.gz", "README.MD", "Makefile", "a.unheardof", "data"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mediaType(name)
			}
		})
	}
}

func BenchmarkSniff(b *testing.B) {
	for about, head := range map[string][]byte{
		"text":   []byte(strings.Repeat("größe ", 100)),
		"binary": []byte(strings.Repeat("\x00\x01\x02", 200)),
	} {
		b.Run(about, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sniff(head)
			}
		})
	}
}

func BenchmarkCompressible(b *testing.B) {
	for _, t := range []string{"text/plain; charset=utf-8", "application/vnd.efi.iso"} {
		b.Run(t, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compressible(t)
				active(t)
			}
		})
	}
}
