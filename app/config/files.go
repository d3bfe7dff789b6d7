package config

import (
	"strings"
	"time"
	"unicode"

	"fullbore/static"
)

// Files is how files and folders are answered for.
type Files struct {
	Index         string        // the file that stands for its folder
	Browse        bool          // list folders without one
	Readme        bool          // show a folder's README above its listing
	Download      bool          // make browsers save rather than show
	MaxAge        time.Duration // how long caches may keep a file
	ETag          string        // the rule for entity tags: one of static's
	Compress      bool          // compress text on the fly
	Precompressed bool          // use the .zst, .br and .gz beside a file
	Hidden        bool          // serve names that begin with a dot
	OutsideLinks  bool          // follow links that lead out of the folder
	Growing       bool          // send files that are being appended to
	DAV           bool          // let folders be mounted by WebDAV
	CORS          []string      // origins whose pages may read files; "*" is any
	Resource      string        // Cross-Origin-Resource-Policy; "" is none
	Policy        string        // Content-Security-Policy of documents, or PolicyStrict, or "none"
	Types         []static.Rule // media types by pattern
	Charsets      []static.Rule // charsets of text by pattern
	Headers       []static.Rule // header fields by pattern
}

// PolicyStrict stands for the policy that is static's default.
const PolicyStrict = "strict"

func (f *Files) validate() error {
	if err := f.validateHeader(); err != nil {
		return err
	}
	if f.Index == "" || f.Index == "." || f.Index == ".." || strings.ContainsAny(f.Index, "/\x00") {
		return wrong("index", "%q: want the name of a file, such as index.html", f.Index)
	}
	if f.Readme && !f.Browse {
		return wrong("readme", "shows a file above a listing, but %v is false, which lists nothing", other("browse"))
	}
	if f.DAV && !f.Browse {
		return wrong("dav", "tells what is in a folder, but %v is false, which tells nobody", other("browse"))
	}
	return nil
}

// validateHeader is about what ends up in the header of an answer.
func (f *Files) validateHeader() error {
	if f.MaxAge < 0 || f.MaxAge%time.Second != 0 {
		return wrong("max-age", "%v: want whole seconds, 0 or more", duration(f.MaxAge))
	}
	for _, origin := range f.CORS {
		if err := static.CheckOrigin(origin); err != nil {
			return wrong("cors", "%v", err)
		}
	}
	if err := static.CheckResourcePolicy(f.Resource); err != nil {
		return wrong("resource-policy", "%v", err)
	}
	if err := static.CheckETag(f.ETag); err != nil {
		return wrong("etag", "%v", err)
	}
	if strings.ContainsFunc(f.Policy, unicode.IsControl) {
		return wrong("csp", "%q: want one line", f.Policy)
	}
	return nil
}
