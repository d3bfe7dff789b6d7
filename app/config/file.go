package config

// The YAML file is read strictly: anything but known keys, each with one value
// or a list where a list is due, is an error with its line. Values are taken as
// they are written, so YAML's own ideas of numbers and dates play no part.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

// These are more than any config needs; they bound what a wrong file can cost.
const (
	fileLimit  = 1 << 20 // bytes
	tokenLimit = 10_000  // the parser's time grows with their square
)

// readFile sets what the file has.
func (s *Settings) readFile(keys []Key) error {
	content, err := contentOf(s.File)
	if err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	return s.parse(content, keys)
}

func contentOf(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file") // opening a FIFO would wait
	}
	var content []byte
	if err == nil {
		var f *os.File
		if f, err = os.Open(name); err == nil {
			defer f.Close()
			content, err = io.ReadAll(io.LimitReader(f, fileLimit+1))
		}
	}
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	if len(content) > fileLimit {
		err = errors.New("larger than 1 MiB")
	}
	return content, err
}

// at is an error in a line of the file.
func (s *Settings) at(line int, format string, args ...any) error {
	return fmt.Errorf("%s: %w", Source{s.File, max(line, 1)}, fmt.Errorf(format, args...))
}

// parse sets what the content of the file has.
func (s *Settings) parse(content []byte, keys []Key) error {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	for at, rest := 0, content; len(rest) > 0; at++ {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		if !utf8.Valid(line) {
			return s.at(at+1, "not UTF-8")
		}
		rest = after
	}
	tokens := lexer.Tokenize(string(content))
	if len(tokens) > tokenLimit {
		return s.at(tokens[tokenLimit].Position.Line, "more than a file of settings can have")
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	var syntax *yaml.SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Token != nil:
		return s.at(syntax.Token.Position.Line, "not YAML: %s", syntax.Message)
	case err != nil:
		return s.at(1, "not YAML: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	seen := false // the one document
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.DirectiveType {
			continue
		}
		line := doc.Body.GetToken().Position.Line
		mapping, ok := doc.Body.(ast.MapNode)
		switch {
		case seen:
			return s.at(line, "a second document: want one")
		case !ok:
			return s.at(line, "want settings such as idle-timeout: 30s")
		}
		seen = true
		if err := s.setAll(mapping, keys); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) setAll(mapping ast.MapNode, keys []Key) error {
	for i := mapping.MapRange(); i.Next(); {
		name, line := i.Key().GetToken().Value, i.Key().GetToken().Position.Line
		if _, ok := i.Key().(ast.ScalarNode); !ok {
			return s.at(line, "want settings such as idle-timeout: 30s")
		}
		index := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
		switch {
		case name == fileKey:
			return s.at(line, "config: names the file itself; give it as --config or %s", envName(fileKey))
		case index < 0:
			return s.at(line, "%s: %s", plain(name), unknownKey(name, keys))
		case s.sources[name].name != "":
			return s.at(line, "%s: is set in line %d already", name, s.sources[name].line)
		}
		if err := s.setFrom(keys[index], i.Value(), line); err != nil {
			return err
		}
		s.sources[name] = Source{s.File, line}
	}
	return nil
}

// setFrom sets one key from what stands behind it.
func (s *Settings) setFrom(key Key, node ast.Node, line int) error {
	if r, ok := key.Value.(*rules); ok {
		return s.setRules(key.Name, r, node, line)
	}
	if sequence, ok := node.(*ast.SequenceNode); ok && key.Value.Type() == "list" {
		var words []string
		for _, n := range sequence.Values {
			word, err := scalar(n)
			if err == nil && strings.Contains(word, ",") {
				err = errors.New("has a comma in it: want one word for each -")
			}
			if err != nil {
				return s.at(n.GetToken().Position.Line, "%s: %w", key.Name, err)
			}
			words = append(words, word)
		}
		return set(key, append(words, "")...) // none is a list, too
	}
	value, err := scalar(node)
	if err != nil {
		return s.at(line, "%s: %w", key.Name, err)
	}
	if err := set(key, value); err != nil {
		return s.at(line, "%s: %s: %w", key.Name, quoted(key, value), err)
	}
	return nil
}

// scalar is the text of a plain value.
func scalar(node ast.Node) (string, error) {
	switch node := node.(type) {
	case *ast.NullNode:
		return "", errors.New("has no value: give it one, or leave the key out for the default")
	case *ast.LiteralNode:
		return node.Value.Value, nil
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, nil
	case *ast.SequenceNode:
		return "", errors.New("is a list: want one value")
	case *ast.MappingNode, *ast.MappingValueNode:
		return "", errors.New("has keys of its own: want one value")
	}
	return "", errors.New("want a plain value, no anchor, alias or tag")
}

func unknownKey(name string, keys []Key) string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.Name
	}
	if meant := nearest(name, names); meant != "" {
		return "no such key; did you mean " + meant + "?"
	}
	return "no such key; see fullbore config --default"
}

// plainKey is how a key looks.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)

// plain renders an unknown key for an error, quoted if it is strange.
func plain(name string) string {
	if plainKey.MatchString(name) {
		return name
	}
	return quoted(Key{Value: new(text)}, name)
}
