package config

// Layers are applied through the pflag.Value of each key's flag, so that all of
// them take the same words. Libraries that merge layers, such as koanf, lose
// where a value came from, and with it the line that an error has to name.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// fileKey names the file of the others, so it cannot be in one.
const fileKey = "config"

// Loader evaluates the layers, as often as it is asked, for the same command
// line each time.
type Loader struct {
	flags *pflag.FlagSet
	file  *string

	// Path is the command line's PATH argument; "" is none.
	Path string

	// DefaultPath is the path if nothing else gives one; "" is none.
	DefaultPath string

	// Lookup finds environment variables.
	//
	// Optional. Default: os.LookupEnv
	Lookup func(string) (string, bool)
}

// Settings is a config, and where each of its values came from.
type Settings struct {
	Config
	File    string // that was read; "" is none
	sources map[string]Source
}

// Source says where the value of a key came from.
func (s *Settings) Source(key string) Source { return s.sources[key] }

// Where says where the value of a key came from, as the beginning of an error:
// "fullbore.yaml:3: listen", "FULLBORE_LISTEN" or "--listen".
func (s *Settings) Where(key string) string { return s.sources[key].of(key) }

// Bind makes each key a flag, and one for the file. The names of keys bind only
// these, for commands that need no others.
func Bind(flags *pflag.FlagSet, only ...string) *Loader {
	flags.SortFlags = false
	l := &Loader{flags: flags}
	l.file = flags.String(fileKey, "", "YAML file with settings, by the names of these flags")
	defaults := defaultConfig()
	for _, key := range defaults.Keys() {
		if key.Name == pathKey || key.fileOnly() || (len(only) > 0 && !slices.Contains(only, key.Name)) {
			continue
		}
		flag := flags.VarPF(key.Value, key.Name, "", key.Usage)
		if value, ok := key.Value.(interface{ alone() string }); ok {
			flag.NoOptDefVal = value.alone()
		}
	}
	return l
}

// File is the file that settings are read from; "" is none.
func (l *Loader) File() string {
	if l.flags.Changed(fileKey) {
		return *l.file
	}
	name, _ := l.lookup(envName(fileKey))
	return name
}

func (l *Loader) lookup(name string) (string, bool) {
	if l.Lookup != nil {
		return l.Lookup(name)
	}
	return os.LookupEnv(name)
}

// Load evaluates the layers: defaults, the file, the environment, flags. An
// error is one line that says which of them is wrong, and where.
func (l *Loader) Load() (*Settings, error) {
	s := &Settings{Config: defaultConfig(), File: l.File(), sources: map[string]Source{}}
	keys := s.Keys()
	if s.File != "" {
		if err := s.readFile(keys); err != nil {
			return nil, err
		}
	}
	for _, key := range keys {
		if err := l.override(s, key); err != nil {
			return nil, err
		}
	}
	s.Path = cmp.Or(s.Path, l.DefaultPath)
	if err := s.Validate(); err != nil {
		var wrong *wrongValue
		if errors.As(err, &wrong) {
			err = errors.New(wrong.from(s.sources))
		}
		return nil, err
	}
	return s, nil
}

// override sets a key from the environment or the command line, if it is there.
func (l *Loader) override(s *Settings, key Key) error {
	if key.fileOnly() {
		return nil
	}
	var value string
	var source Source
	if flag := l.flags.Lookup(key.Name); flag != nil && flag.Changed {
		value, source.name = flag.Value.String(), "--"+key.Name
	} else if key.Name == pathKey && l.Path != "" {
		value, source.name = l.Path, "PATH"
	} else if set, ok := l.lookup(envName(key.Name)); ok {
		value, source.name = set, envName(key.Name)
	} else {
		return nil
	}
	if err := set(key, value); err != nil {
		return fmt.Errorf("%s=%s: %w", source, quoted(key, value), err)
	}
	s.sources[key.Name] = source
	return nil
}

// set gives a key a value, in place of what an earlier layer gave it.
func set(key Key, values ...string) error {
	if l, ok := key.Value.(interface{ replace() }); ok {
		l.replace()
	}
	for _, value := range values {
		if err := key.Value.Set(value); err != nil {
			return err
		}
	}
	return nil
}

// quoted is a value in an error.
func quoted(key Key, value string) string {
	if key.Shown() != key.Value.String() {
		return mask
	}
	const longest = 100
	if len(value) > longest {
		value = value[:longest] + "..."
	}
	return fmt.Sprintf("%q", value)
}

// One finds the value of a single key, for a command that needs no other: the
// file is read only if neither flag nor environment has it, so that one that is
// broken does no harm. There is no validation.
func (l *Loader) One(name string) (string, error) {
	s := &Settings{Config: defaultConfig(), File: l.File(), sources: map[string]Source{}}
	keys := s.Keys()
	key := keys[slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })]
	if err := l.override(s, key); err != nil {
		return "", err
	}
	if s.sources[name].name == "" && s.File != "" {
		if err := s.readFile(keys); err != nil {
			return "", err
		}
	}
	return key.Value.String(), nil
}

// UnknownEnv says, a line each, which variables of an environment, as
// os.Environ has it, begin like ours and are none.
func UnknownEnv(environ []string) []string {
	known, inFile := []string{fileKey}, []string{}
	for _, key := range new(Config).Keys() {
		if key.fileOnly() {
			inFile = append(inFile, key.Name)
		} else {
			known = append(known, key.Name)
		}
	}
	var unknown []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		word, ours := strings.CutPrefix(name, envPrefix)
		key := strings.ToLower(strings.ReplaceAll(word, "_", "-"))
		if !ours || (slices.Contains(known, key) && name == envName(key)) {
			continue
		}
		hint := "see fullbore config --default"
		if slices.Contains(inFile, key) {
			hint = key + " is for the file of --config alone"
		} else if meant := nearest(key, known); meant != "" {
			hint = "did you mean " + envName(meant) + "?"
		}
		unknown = append(unknown, name+" is not a setting; "+hint)
	}
	slices.Sort(unknown)
	return unknown
}
