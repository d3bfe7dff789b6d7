package static

// Media types for Content-Type, RFC 9110 section 8.3. The table is our own, not the
// system's mime files, so that every machine gives the same answer.

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	octetStream   = "application/octet-stream"
	plainText     = "text/plain"
	plainTextUTF8 = "text/plain; charset=utf-8"
)

// mediaType is the media type for a file name, by its extension in any case. It
// returns false if the name does not say: with octetStream for an unknown extension,
// and with "" for none, where sniff can help. It does not allocate.
func mediaType(name string) (string, bool) {
	ext := extension(name)
	if ext == "" {
		if _, ok := lookup(plainNames, name); ok {
			return plainTextUTF8, true
		}
		return "", false
	}
	if t, ok := lookup(typesByExtension, ext); ok {
		return t, true
	}
	return octetStream, false
}

// extension is what follows the last dot, "" if that is nothing, if the dot is
// the first character (that is a hidden file), or if it is a number: that is a
// version, or a log that was rotated.
func extension(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || strings.Trim(name[dot+1:], "0123456789") == "" {
		return ""
	}
	return name[dot+1:]
}

// lookup finds a key of a table whose keys are in lower case. A map looked up
// by converted bytes does not allocate them.
func lookup(table map[string]string, key string) (string, bool) {
	var lower [24]byte // no key of ours is longer
	if len(key) > len(lower) {
		return "", false
	}
	for i := range len(key) {
		c := key[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	value, ok := table[string(lower[:len(key)])]
	return value, ok
}

// sniffLength is how many bytes http.DetectContentType looks at.
const sniffLength = 512

// sniff guesses the media type of a file without an extension from its first
// sniffLength bytes. It never returns a type that a browser would run: what looks
// like HTML or XML is text. The charset is named only if these bytes are valid in it.
func sniff(head []byte) string {
	head = head[:min(len(head), sniffLength)]
	t := http.DetectContentType(head)
	if !strings.HasPrefix(t, "text/") || strings.HasPrefix(t, "text/plain; charset=utf-16") {
		return t
	}
	if len(head) == sniffLength {
		head = withoutCutRune(head)
	}
	if utf8.Valid(head) {
		return plainTextUTF8
	}
	return plainText
}

// withoutCutRune drops an incomplete rune at the end of head.
func withoutCutRune(head []byte) []byte {
	for i := len(head) - 1; i >= max(len(head)-utf8.UTFMax, 0); i-- {
		if utf8.RuneStart(head[i]) {
			if !utf8.FullRune(head[i:]) {
				return head[:i]
			}
			break
		}
	}
	return head
}

// compressible reports whether files of a media type get much smaller when
// they are compressed. Parameters do not matter.
func compressible(mediaType string) bool {
	t := essence(mediaType)
	return strings.HasPrefix(t, "text/") ||
		strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml") ||
		compressibleTypes[t]
}

// compressibleTypes are those that neither begin nor end as compressible wants.
var compressibleTypes = setOf(`
	application/json application/mbox application/n-triples application/postscript
	application/rtf application/sql application/toml application/vnd.apple.mpegurl
	application/vnd.ms-fontobject application/wasm application/x-ndjson
	application/xml application/xml-dtd application/yaml
	audio/x-mpegurl audio/x-scpls
	font/collection font/otf font/ttf
	image/bmp image/vnd.dxf image/vnd.microsoft.icon image/x-icon
	message/rfc822 model/mtl model/obj model/step model/stl`)

// active reports whether a browser would run a file of a media type as a
// document, with scripts that act in the name of this server. XML counts, since
// any XML may hold XHTML or SVG elements, and so do the types that wrap other
// documents.
func active(mediaType string) bool {
	t := essence(mediaType)
	return activeTypes[t] || strings.HasSuffix(t, "+xml") || strings.HasPrefix(t, "multipart/")
}

var activeTypes = setOf(`
	application/xml application/xml-dtd application/xml-external-parsed-entity message/rfc822
	text/html text/x-component text/xml text/xml-external-parsed-entity text/xsl`)

// essence is a media type without parameters, in lower case.
func essence(mediaType string) string {
	t, _, _ := strings.Cut(mediaType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

var typesByExtension = func() map[string]string {
	types := map[string]string{}
	for _, row := range mediaTypes {
		for _, ext := range strings.Fields(row.extensions) {
			types[ext] = row.mediaType
		}
	}
	return types
}()

// plainNames are names without an extension, in lower case, that are always
// text, so that nobody need look inside.
var plainNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range strings.Fields(`
		authors b2sums changelog changes codeowners containerfile contributing
		contributors copying dockerfile gemfile gnumakefile inrelease jenkinsfile
		justfile kconfig license maintainers makefile md5sums notice patents pkgbuild
		procfile rakefile readme sha1sums sha224sums sha256sums sha384sums
		sha512sums thanks todo vagrantfile`) {
		names[name] = plainTextUTF8
	}
	return names
}()

// mediaTypes is the table: types of the IANA media types registry where it has
// one for the format, else the customary ones. The charset is on text alone:
// JSON has none by RFC 8259 section 11, and XML says it itself, RFC 7303
// section 3.
//
// Source code is text/plain, so that browsers show it; so is PHP, which nothing
// here runs. ".ts" is the exception: a player may refuse a video stream of the
// wrong type, while TypeScript of this type is only downloaded, not shown.
// ".svgz" is what it is without a Content-Encoding. A package that is a zip
// inside is octetStream, so that nothing unpacks or renames it on the way.
var mediaTypes = []struct{ mediaType, extensions string }{
	// Text, source code, checksums.
	{plainTextUTF8, `
		adoc asciidoc cfg conf cue diff inf ini list log lst nfo patch properties
		rst srt ass text txt url bib tex
		md5 sha1 sha224 sha256 sha384 sha512 sha256sum sha512sum md5sum b3 minisig pub sum
		asm awk bash bat bazel bzl c cc clj cmake cmd cpp cs csproj cxx d dart dockerfile
		el erl ex exs f90 fish fs go gradle graphql groovy h hcl hh hpp hs java jl jsx
		kt kts less lisp lock lua m mk ml nim nix pas php pl pm proto ps1 py pyi r rb rs
		s sass scala scss sed service sh sln sol sv svelte swift tcl tf tsx v vb vhdl vim
		vue wat zig zsh`},
	{"text/markdown; charset=utf-8", "markdown md"},
	{"text/calendar; charset=utf-8", "ics"},
	{"text/vcard; charset=utf-8", "vcf"},
	{"text/vtt; charset=utf-8", "vtt"},
	{"text/spdx; charset=utf-8", "spdx"},

	// Web.
	{"text/html; charset=utf-8", "htm html shtml"},
	{"text/css; charset=utf-8", "css"},
	{"text/javascript; charset=utf-8", "cjs js mjs"},
	{"application/xhtml+xml", "xht xhtml"},
	{"application/manifest+json", "webmanifest"},
	{"application/wasm", "wasm"},
	{"application/atom+xml", "atom"},
	{"application/rss+xml", "rss"},

	// Data sets and models.
	{"text/csv; charset=utf-8", "csv"},
	{"text/tab-separated-values; charset=utf-8", "tsv"},
	{"text/turtle; charset=utf-8", "ttl"},
	{"application/json", "har json map topojson"},
	{"application/geo+json", "geojson"},
	{"application/ld+json", "jsonld"},
	{"application/sarif+json", "sarif"},
	{"application/x-ipynb+json", "ipynb"},
	{"application/x-ndjson", "jsonl ndjson"},
	{"application/yaml", "yaml yml"},
	{"application/toml", "toml"},
	{"application/sql", "sql"},
	{"application/xml", "opml rng xml xsd"},
	{"application/xml-dtd", "dtd"},
	{"application/xslt+xml", "xsl xslt"},
	{"application/rdf+xml", "owl rdf"},
	{"application/n-triples", "nt"},
	{"application/gpx+xml", "gpx"},
	{"application/vnd.google-earth.kml+xml", "kml"},
	{"application/vnd.google-earth.kmz", "kmz"},
	{"application/cbor", "cbor"},
	{"application/vnd.msgpack", "msgpack"},
	{"application/vnd.apache.parquet", "parquet"},
	{"application/vnd.apache.arrow.file", "arrow feather"},
	{"application/vnd.apache.arrow.stream", "arrows"},
	{"application/vnd.sqlite3", "sqlite sqlite3"},
	{"application/geopackage+sqlite3", "gpkg"},
	{"application/vnd.dbf", "dbf"},
	{"application/vnd.shp", "shp"},
	{"application/vnd.tcpdump.pcap", "pcap"},
	{"application/x-hdf5", "h5 hdf5"},
	{"application/x-netcdf", "nc"},
	{"application/fits", "fits"},
	{"application/dicom", "dcm"},
	{octetStream, "avro bin dat duckdb npy npz orc"},
	{octetStream, "ckpt gguf onnx pickle pkl pt pth safetensors tflite"},

	// Archives and compressed files.
	{"application/gzip", "gz svgz tgz"},
	{"application/zip", "zip"},
	{"application/zstd", "tzst zst"},
	{"application/vnd.rar", "rar"},
	{"application/vnd.ms-cab-compressed", "cab"},
	{"application/x-7z-compressed", "7z"},
	{"application/x-brotli", "br"},
	{"application/x-bzip2", "bz2 tbz tbz2"},
	{"application/x-compress", "z"},
	{"application/x-cpio", "cpio"},
	{"application/x-lz4", "lz4"},
	{"application/x-lzh-compressed", "lha lzh"},
	{"application/x-lzip", "lz"},
	{"application/x-lzma", "lzma"},
	{"application/x-tar", "tar"},
	{"application/x-xz", "txz xz"},

	// Packages and programs.
	{"application/java-archive", "jar war"},
	{"application/vnd.android.package-archive", "apk"},
	{"application/vnd.appimage", "appimage"},
	{"application/vnd.debian.binary-package", "deb udeb"},
	{"application/vnd.flatpak", "flatpak"},
	{"application/vnd.flatpak.ref", "flatpakref"},
	{"application/vnd.microsoft.portable-executable", "dll efi exe"},
	{"application/vnd.snap", "snap"},
	{"application/appx", "appx"},
	{"application/msix", "msix"},
	{"application/x-chrome-extension", "crx"},
	{"application/x-msi", "msi msp"},
	{"application/x-rpm", "rpm"},
	{"application/x-xpinstall", "xpi"},
	{octetStream, "ipa nupkg pkg run so whl"},

	// Disk images.
	{"application/vnd.efi.iso", "iso"},
	{"application/vnd.efi.img", "img"},
	{"application/vnd.squashfs", "sqfs squashfs"},
	{"application/x-apple-diskimage", "dmg"},
	{"application/x-ms-wim", "esd wim"},
	{"application/x-qemu-disk", "qcow qcow2"},
	{"application/x-virtualbox-ova", "ova"},
	{"application/x-virtualbox-vdi", "vdi"},
	{"application/x-virtualbox-vhd", "vhd"},
	{"application/x-virtualbox-vhdx", "vhdx"},
	{"application/x-virtualbox-vmdk", "vmdk"},

	// Ways to download, signatures, keys.
	{"application/x-bittorrent", "torrent"},
	{"application/metalink4+xml", "meta4"},
	{"application/metalink+xml", "metalink"},
	{"application/x-zsync", "zsync"},
	{"application/pgp-signature", "asc sig"},
	{"application/pgp-encrypted", "gpg pgp"},
	{"application/pkix-cert", "cer crt der"},
	{"application/pkix-crl", "crl"},
	{"application/pkcs12", "p12 pfx"},
	{"application/x-pem-file", "pem"},

	// Images.
	{"image/apng", "apng"},
	{"image/avif", "avif"},
	{"image/bmp", "bmp"},
	{"image/gif", "gif"},
	{"image/heic", "heic"},
	{"image/heif", "heif"},
	{"image/jp2", "jp2"},
	{"image/jpeg", "jfif jpe jpeg jpg"},
	{"image/jxl", "jxl"},
	{"image/png", "png"},
	{"image/svg+xml", "svg"},
	{"image/tiff", "tif tiff"},
	{"image/vnd.adobe.photoshop", "psd"},
	{"image/vnd.djvu", "djvu"},
	{"image/vnd.dwg", "dwg"},
	{"image/vnd.dxf", "dxf"},
	{"image/vnd.microsoft.icon", "ico"},
	{"image/vnd.radiance", "hdr"},
	{"image/webp", "webp"},
	{"image/x-adobe-dng", "dng"},
	{"image/x-canon-cr2", "cr2"},
	{"image/x-exr", "exr"},
	{"image/x-nikon-nef", "nef"},
	{"image/x-sony-arw", "arw"},
	{"image/x-xcf", "xcf"},
	{"model/3mf", "3mf"},
	{"model/gltf+json", "gltf"},
	{"model/gltf-binary", "glb"},
	{"model/mtl", "mtl"},
	{"model/obj", "obj"},
	{"model/step", "step stp"},
	{"model/stl", "stl"},

	// Audio and video.
	{"audio/aac", "aac"},
	{"audio/ac3", "ac3"},
	{"audio/aiff", "aif aiff"},
	{"audio/flac", "flac"},
	{"audio/matroska", "mka"},
	{"audio/midi", "mid midi"},
	{"audio/mp4", "m4a m4b"},
	{"audio/mpeg", "mp2 mp3"},
	{"audio/ogg", "oga ogg opus spx"},
	{"audio/wav", "wav"},
	{"audio/webm", "weba"},
	{"audio/x-mpegurl", "m3u"},
	{"audio/x-ms-wma", "wma"},
	{"audio/x-scpls", "pls"},
	{"application/xspf+xml", "xspf"},
	{"application/dash+xml", "mpd"},
	{"application/ttml+xml", "ttml"},
	{"application/vnd.apple.mpegurl", "m3u8"},
	{"video/3gpp", "3gp"},
	{"video/iso.segment", "m4s"},
	{"video/matroska", "mkv"},
	{"video/mp2t", "m2ts mts ts"},
	{"video/mp4", "m4v mp4"},
	{"video/mpeg", "mpeg mpg vob"},
	{"video/ogg", "ogv"},
	{"video/quicktime", "mov qt"},
	{"video/webm", "webm"},
	{"video/x-flv", "flv"},
	{"video/x-ms-wmv", "wmv"},
	{"video/x-msvideo", "avi"},

	// Fonts.
	{"font/collection", "ttc"},
	{"font/otf", "otf"},
	{"font/ttf", "ttf"},
	{"font/woff", "woff"},
	{"font/woff2", "woff2"},
	{"application/vnd.ms-fontobject", "eot"},

	// Documents and mail.
	{"application/pdf", "pdf"},
	{"application/postscript", "ai eps ps"},
	{"application/rtf", "rtf"},
	{"application/epub+zip", "epub"},
	{"application/msword", "doc"},
	{"application/vnd.amazon.mobi8-ebook", "azw3"},
	{"application/vnd.apple.keynote", "key"},
	{"application/vnd.apple.numbers", "numbers"},
	{"application/vnd.apple.pages", "pages"},
	{"application/vnd.comicbook+zip", "cbz"},
	{"application/vnd.comicbook-rar", "cbr"},
	{"application/vnd.ms-excel", "xls"},
	{"application/vnd.ms-excel.sheet.binary.macroenabled.12", "xlsb"},
	{"application/vnd.ms-excel.sheet.macroenabled.12", "xlsm"},
	{"application/vnd.ms-htmlhelp", "chm"},
	{"application/vnd.ms-outlook", "msg"},
	{"application/vnd.ms-powerpoint", "pps ppt"},
	{"application/vnd.ms-word.document.macroenabled.12", "docm"},
	{"application/vnd.ms-xpsdocument", "xps"},
	{"application/vnd.oasis.opendocument.graphics", "odg"},
	{"application/vnd.oasis.opendocument.presentation", "odp"},
	{"application/vnd.oasis.opendocument.spreadsheet", "ods"},
	{"application/vnd.oasis.opendocument.text", "odt"},
	{"application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"},
	{"application/vnd.openxmlformats-officedocument.presentationml.slideshow", "ppsx"},
	{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
	{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
	{"application/vnd.visio", "vsd vsdx"},
	{"application/x-fictionbook+xml", "fb2"},
	{"application/x-mobipocket-ebook", "mobi"},
	{"application/mbox", "mbox"},
	{"message/rfc822", "eml mht mhtml"},
}
