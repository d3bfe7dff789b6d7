package config

import (
	"fmt"
	"strconv"
)

// Source is where a value came from. The zero value is the default.
type Source struct {
	name string // of a file, an environment variable, a flag or an argument
	line int    // in a file; from 1; 0: it is no file
}

// String is the source as in "fullbore.yaml:3", "FULLBORE_LISTEN", "--listen"
// or "default".
func (s Source) String() string {
	switch {
	case s.name == "":
		return "default"
	case s.line > 0:
		return s.name + ":" + strconv.Itoa(s.line)
	}
	return s.name
}

// of is how an error begins that is about a key's value.
func (s Source) of(key string) string {
	switch {
	case s.line > 0:
		return s.String() + ": " + key
	case s.name != "":
		return s.name
	}
	return "--" + key
}

// beside is how an error that is about another key names this one.
func (s Source) beside(key string) string {
	if s.line > 0 {
		return key + " (" + s.String() + ")"
	}
	return s.of(key)
}

// wrongValue says what is wrong with the value of a key, in words that name
// other keys by where their values came from.
type wrongValue struct {
	key    string
	format string
	args   []any // an other among them is a key
}

// other is a key that has a part in what is wrong with another.
type other string

func wrong(key, format string, args ...any) error { return &wrongValue{key, format, args} }

func (e *wrongValue) Error() string { return e.from(nil) }

// from is the error with the sources of the values in it.
func (e *wrongValue) from(sources map[string]Source) string {
	args := make([]any, len(e.args))
	for i, arg := range e.args {
		if key, ok := arg.(other); ok {
			arg = sources[string(key)].beside(string(key))
		}
		args[i] = arg
	}
	return sources[e.key].of(e.key) + ": " + fmt.Sprintf(e.format, args...)
}
