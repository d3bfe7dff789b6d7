package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"
)

// Files is how files and folders are answered for.
type Files struct {
	Index         string        // the file that stands for its folder
	Browse        bool          // list folders without one
	Readme        bool          // show a folder's README above its listing
	Download      bool          // make browsers save rather than show
	MaxAge        time.Duration // how long caches may keep a file
	Compress      bool          // compress text on the fly
	Precompressed bool          // use the .zst, .br and .gz beside a file
	Hidden        bool          // serve names that begin with a dot
	OutsideLinks  bool          // follow links that lead out of the folder
	Growing       bool          // send files that are being appended to
	Policy        string        // Content-Security-Policy of documents, or PolicyStrict, or "none"
}

// PolicyStrict stands for the policy that is static's default.
const PolicyStrict = "strict"

func bindFiles(flags *pflag.FlagSet, f *Files) {
	flags.StringVar(&f.Index, "index", "index.html", "the file that stands for its folder")
	flags.BoolVar(&f.Browse, "browse", true, "list folders without an index file; --browse=false answers 403")
	flags.BoolVar(&f.Readme, "readme", false, "show a folder's README or HEADER file above its listing")
	flags.BoolVar(&f.Download, "download", false, "make browsers save files rather than show them, as ?download does for one")
	flags.DurationVar(&f.MaxAge, "max-age", 0, "how long caches may keep a file without asking again, such as 1h")
	flags.BoolVar(&f.Compress, "compress", false, "compress text of 1 KiB to 10 MiB on the fly, by zstd or gzip")
	flags.BoolVar(&f.Precompressed, "precompressed", false, "send the .zst, .br or .gz beside a file to clients that accept it")
	flags.BoolVar(&f.Hidden, "hidden", false, "serve and list files and folders whose name begins with a dot")
	flags.BoolVar(&f.OutsideLinks, "outside-links", false, "follow symbolic links that lead out of the folder")
	flags.BoolVar(&f.Growing, "growing", false, "send files that are being appended to, such as logs; else they count as changed")
	flags.StringVar(&f.Policy, "csp", PolicyStrict, `Content-Security-Policy of HTML, SVG and XML files: "strict" (no scripts), "none" or a policy`)
}

func (f *Files) validate() error {
	if f.MaxAge < 0 || f.MaxAge%time.Second != 0 {
		return fmt.Errorf("--max-age %v: want whole seconds, 0s or more", f.MaxAge)
	}
	if f.Index == "" || f.Index == "." || f.Index == ".." || strings.ContainsAny(f.Index, "/\x00") {
		return fmt.Errorf("--index %q: want the name of a file, such as index.html", f.Index)
	}
	if strings.ContainsFunc(f.Policy, unicode.IsControl) {
		return fmt.Errorf("--csp %q: want one line", f.Policy)
	}
	if f.Readme && !f.Browse {
		return errors.New("--readme shows a file above a listing, but --browse=false lists nothing")
	}
	return nil
}
