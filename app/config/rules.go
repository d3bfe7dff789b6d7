package config

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"fullbore/static"
)

// rules are a mapping in the file, of patterns to values or, for header fields and
// rates, to mappings of their own.
type rules struct {
	to           *[]static.Rule
	check        func(value string) error       // nil: each pattern has fields
	checkPattern func(pattern string) error     // nil: static.CheckPattern
	checkField   func(name, value string) error // nil: they are header fields
}

// Set is for flags and the environment, which cannot have them.
func (r *rules) Set(string) error { return errors.New("can be set in the file only") }

// String is the mapping as YAML in one line.
func (r *rules) String() string {
	if r.to == nil {
		return "{}"
	}
	var b strings.Builder
	word := func(s string) string {
		quoted, _ := yamlText(Key{}, s) // it is UTF-8, as is the file that it came from
		return quoted
	}
	for i, rule := range *r.to {
		again := i > 0 && (*r.to)[i-1].Pattern == rule.Pattern
		switch {
		case again:
			b.WriteString(", ")
		case i > 0:
			b.WriteString(r.end() + ", ")
		}
		if !again {
			b.WriteString(word(rule.Pattern) + ": ")
		}
		if r.check == nil {
			if !again {
				b.WriteByte('{')
			}
			b.WriteString(word(rule.Name) + ": ")
		}
		b.WriteString(word(rule.Value))
	}
	if b.Len() > 0 {
		b.WriteString(r.end())
	}
	return "{" + b.String() + "}"
}

// end closes what a pattern stands for.
func (r *rules) end() string {
	if r.check == nil {
		return "}"
	}
	return ""
}

// Type is the word for the value.
func (r *rules) Type() string { return "map" }

// setRules reads the mapping of a key.
func (s *Settings) setRules(key string, r *rules, node ast.Node, line int) error {
	*r.to = nil
	want := `patterns, such as "*.txt": iso-8859-1`
	switch key {
	case "types":
		want = `patterns, such as "*.box": application/gzip`
	case "headers":
		want = `patterns, such as "*.zip": {Cache-Control: no-store}`
	case "rates":
		want = `patterns, such as "*.iso": {client-rate: 2MB}`
	}
	checkPattern := static.CheckPattern
	if r.checkPattern != nil {
		checkPattern = r.checkPattern
	}
	return s.pairs(key, node, line, want, func(pattern string, value ast.Node, line int) error {
		if err := checkPattern(pattern); err != nil {
			return s.at(line, "%s: %w", key, err)
		}
		if r.check == nil {
			return s.setFields(key, r, pattern, value, line)
		}
		word, err := scalar(value)
		if err == nil {
			err = r.check(word)
		}
		if err != nil {
			return s.at(line, "%s: %q: %w", key, pattern, err)
		}
		*r.to = append(*r.to, static.Rule{Pattern: pattern, Value: word})
		return nil
	})
}

// setFields reads the header fields, or rates, of one pattern.
func (s *Settings) setFields(key string, r *rules, pattern string, node ast.Node, line int) error {
	key += ": " + quoted(Key{Value: new(text)}, pattern)
	want, check := "header fields, such as {Cache-Control: no-store}", static.CheckHeader
	if r.checkField != nil {
		want, check = "rates, such as {client-rate: 2MB}", r.checkField
	}
	return s.pairs(key, node, line, want, func(name string, value ast.Node, line int) error {
		word, err := scalar(value)
		if err != nil {
			return s.at(line, "%s: %s: %w", key, plain(name), err)
		}
		if err := check(name, word); err != nil {
			return s.at(line, "%s: %w", key, err)
		}
		*r.to = append(*r.to, static.Rule{Pattern: pattern, Name: name, Value: word})
		return nil
	})
}

// pairs gives the pairs of a mapping to set, in their order. A key that is there twice is
// an error.
func (s *Settings) pairs(key string, node ast.Node, line int, want string, set func(name string, value ast.Node, line int) error) error {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		return s.at(line, "%s: want %s", key, want)
	}
	seen := map[string]int{}
	for i := mapping.MapRange(); i.Next(); {
		name, line := i.Key().GetToken().Value, i.Key().GetToken().Position.Line
		if _, ok := i.Key().(ast.ScalarNode); !ok || name == "<<" {
			return s.at(line, "%s: want %s", key, want)
		}
		if before := seen[name]; before > 0 {
			return s.at(line, "%s: %s is set in line %d already", key, quoted(Key{Value: new(text)}, name), before)
		}
		seen[name] = line
		if err := set(name, i.Value(), line); err != nil {
			return err
		}
	}
	return nil
}
