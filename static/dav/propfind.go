// Package dav is what read-only WebDAV of class 1 (RFC 4918) needs beyond HTTP: the body of
// a PROPFIND, and a multistatus that is made while its client takes it.
package dav

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Headers and values.
const (
	Method      = "PROPFIND"
	ContentType = "application/xml; charset=utf-8"
	namespace   = "DAV:"
)

const (
	// maxBody, in bytes, is what a PROPFIND may have. That of any client has a few
	// hundred.
	maxBody = 64 << 10

	// maxNames, in bytes, may the names of the properties have together: the answer
	// repeats them for each file.
	maxNames = 4 << 10
)

// ErrTooLarge is the error of a body of more than 64 KiB.
var ErrTooLarge = errors.New("the body of a PROPFIND has more than 64 KiB")

// ErrInfinite is the error of a depth that would list a whole tree.
var ErrInfinite = errors.New("only Depth 0 and 1 are answered")

// FiniteDepth is the body that goes with ErrInfinite and 403: RFC 4918 section 9.1.1.
const FiniteDepth = xml.Header + `<D:error xmlns:D="DAV:"><D:propfind-finite-depth/></D:error>` + "\n"

// Depth parses the header of that name, which is "infinity" if there is none: section 10.2.
func Depth(value string) (members bool, err error) {
	switch {
	case value == "0":
		return false, nil
	case value == "1":
		return true, nil
	case value == "", strings.EqualFold(value, "infinity"):
		return false, ErrInfinite
	}
	return false, fmt.Errorf("depth %q: want 0 or 1", value)
}

// Query is what is asked of each resource. The zero value asks for all properties.
type Query struct {
	namesOnly bool
	props     []xml.Name // nil: all
}

// ReadQuery reads the body of a PROPFIND: section 9.1. An empty one asks for all
// properties. Nothing in it can refer to anything outside it: a DOCTYPE is an error, and
// with it entities.
func ReadQuery(body io.Reader) (Query, error) {
	limited := &io.LimitedReader{R: body, N: maxBody + 1}
	q, err := parse(xml.NewDecoder(limited))
	if limited.N == 0 {
		return Query{}, ErrTooLarge
	}
	if err != nil {
		return Query{}, fmt.Errorf("body of PROPFIND: %w", err)
	}
	return q, nil
}

func parse(d *xml.Decoder) (q Query, err error) {
	root, err := nextElement(d)
	switch {
	case errors.Is(err, io.EOF):
		return Query{}, nil
	case err != nil:
		return Query{}, err
	case root.Name != (xml.Name{Space: namespace, Local: "propfind"}):
		return Query{}, fmt.Errorf("its element is %q, not propfind of the namespace DAV", root.Name.Local)
	}
	asked := 0
	for {
		child, err := nextElement(d)
		if errors.Is(err, errEnd) {
			break
		}
		if err != nil {
			return Query{}, eofInside(err)
		}
		if child.Name.Space == namespace {
			switch child.Name.Local {
			case "propname":
				asked++
				q.namesOnly = true
			case "allprop":
				asked++
			case "prop":
				asked++
				if q.props, err = properties(d); err != nil {
					return Query{}, eofInside(err)
				}
				continue
			}
		}
		if err := d.Skip(); err != nil {
			return Query{}, eofInside(err)
		}
	}
	if asked != 1 {
		return Query{}, errors.New("want one of prop, allprop and propname")
	}
	if _, err := nextElement(d); !errors.Is(err, io.EOF) {
		return Query{}, errors.New("there is something after its element")
	}
	return q, nil
}

// properties reads the names in a prop element, to its end.
func properties(d *xml.Decoder) ([]xml.Name, error) {
	names, size := []xml.Name{}, 0
	for {
		e, err := nextElement(d)
		if errors.Is(err, errEnd) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		if strings.Contains(e.Name.Local, ":") { // not a qualified name, and none to be repeated
			return nil, fmt.Errorf("the property %q has no name", e.Name.Local)
		}
		if size += len(e.Name.Space) + len(e.Name.Local); size > maxNames {
			return nil, errors.New("too many properties")
		}
		if !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
		if err := d.Skip(); err != nil {
			return nil, err
		}
	}
}

// errEnd is the end of the element that is being read.
var errEnd = errors.New("end of element")

// nextElement is the start of the next element on this level, errEnd, or io.EOF.
func nextElement(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return token, nil
		case xml.EndElement:
			return xml.StartElement{}, errEnd
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return xml.StartElement{}, errors.New("there is text where an element should be")
			}
		case xml.Directive:
			return xml.StartElement{}, errors.New("a DOCTYPE is not allowed")
		}
	}
}

// eofInside makes an end within an element the error that it is.
func eofInside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
