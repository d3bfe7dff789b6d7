package listing

// The kind of file that a name promises decides its icon, and what the page can
// preview.

import (
	"path"
	"strings"
)

// kind is an icon of icons.svg, by its id without "i-".
type kind string

// previews are the kinds of previews that script.js knows.
const (
	previewNone  = ""
	previewImage = "image"
	previewAudio = "audio"
	previewVideo = "video"
	previewText  = "text"
)

// extensions by kind. Those behind a "|" have no preview, since browsers do not
// know them or they are not text.
var extensions = map[kind]string{
	"image": "apng avif bmp gif ico jfif jpeg jpg png svg webp" +
		"|cr2 cr3 dng eps heic heif jp2 jxl nef psd raw tga tif tiff xcf",
	"video": "m4v mov mp4 ogv webm|avi flv m2ts mkv mpeg mpg mts ts vob wmv",
	"audio": "aac flac m4a mp3 oga ogg opus wav|aif aiff ape mid midi mka wma",
	"archive": "|7z ar arj br bz2 cab cpio gz lha lz lz4 lzh lzma lzo rar tar taz tbz tbz2 tgz tlz txz tzst xz z zip " +
		"zst zstd",
	"disc": "|bin cue dmg img iso nrg ova ovf qcow qcow2 raw vdi vhd vhdx vmdk wim",
	"text": "cfg conf csv diff env err eml ics ini json jsonl kml list log lrc m3u m3u8 markdown md ndjson nfo org " +
		"patch pls properties rst service srt sub text toml torrc tsv txt vcf vtt xml yaml yml",
	"code": "asm awk bash bat bib c cc clj cmake cmd cpp cs css cue cxx dart ex exs f90 fish go gradle groovy h hpp hs " +
		"htm html java jl js jsx kt kts less lisp lua m mjs ml nim nix php pl pm proto ps1 py r rb rs s scala " +
		"scss sh sql svelte swift tcl tex tf ts tsx vim vue xhtml xsl zig zsh",
	"document": "|chm djvu doc docx epub mobi odg odp ods odt pages pdf ppt pptx ps rtf xls xlsx xps",
	"package":  "|aab apk appimage cab crx deb egg exe flatpak flatpakref gem ipa jar msi msix pkg rpm snap vsix war whl xpi",
	"checksum": "asc b2 b3 blake3 crc crc32 md5 minisig pem pub sfv sha sha1 sha224 sha256 sha384 sha512 sum" +
		"|crt gpg key p7s sig sigstore",
}

// wholeNames are names of text without an extension, in lower case.
var wholeNames = map[kind]string{
	"text":     "authors changelog changes contributors copying copyright header install license licence news notice readme todo version", //nolint:misspell // British
	"code":     "containerfile dockerfile gemfile jenkinsfile justfile makefile procfile rakefile vagrantfile",
	"checksum": "b2sums checksums md5sums sha1sums sha224sums sha256sums sha384sums sha512sums",
}

// looks is what a page shows of a kind of file.
type looks struct {
	kind    kind
	preview string
}

var looksByExtension, looksByName = func() (byExtension, byName map[string]looks) {
	byExtension, byName = map[string]looks{}, map[string]looks{}
	// The order decides about extensions with two meanings.
	for _, k := range []kind{"package", "disc", "archive", "document", "code", "checksum", "text", "image", "audio", "video"} {
		shown, others, _ := strings.Cut(extensions[k], "|")
		for _, extension := range strings.Fields(others) {
			byExtension[extension] = looks{k, previewNone}
		}
		preview := previewText
		switch k {
		case "image", "audio", "video":
			preview = string(k)
		}
		for _, extension := range strings.Fields(shown) {
			byExtension[extension] = looks{k, preview}
		}
		for _, name := range strings.Fields(wholeNames[k]) {
			byName[name] = looks{k, preview}
		}
	}
	return byExtension, byName
}()

// looksOf tells a file's kind from its name.
func looksOf(name string) looks {
	if len(name) > 64 {
		name = name[len(name)-64:] // the end has the extension
	}
	name = strings.ToLower(name)
	if found, ok := looksByName[name]; ok {
		return found
	}
	if extension := path.Ext(name); extension != "" {
		if found, ok := looksByExtension[extension[1:]]; ok {
			return found
		}
	}
	return looks{"file", previewNone}
}
