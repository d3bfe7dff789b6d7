package config

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteYAML writes the settings as a file that Load reads, with the source of
// each as a comment. Secrets are masked.
func (s *Settings) WriteYAML(w io.Writer) error {
	var b strings.Builder
	section := ""
	for _, key := range s.Keys() {
		if key.Section != section {
			if section != "" {
				b.WriteByte('\n')
			}
			section = key.Section
			fmt.Fprintf(&b, "# %s\n", section)
		}
		value, err := yamlValue(key)
		if err != nil {
			return err
		}
		source := s.Source(key.Name).String()
		if key.Shown() != key.Value.String() {
			source += ", masked"
		}
		fmt.Fprintf(&b, "%-34s # %s\n", key.Name+": "+value, oneLine(source))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine is a name for a comment.
func oneLine(name string) string {
	if strings.Trim(strconv.Quote(name), `"`) != name {
		return strconv.Quote(name)
	}
	return name
}

// WriteDefault writes a file with every key commented out: the prose after "# ",
// the settings after "#".
func WriteDefault(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`# Settings of fullbore, with their defaults. Take the # away from a line to change one.
# Use it by: fullbore serve --config FILE, or FULLBORE_CONFIG=FILE. Check it by:
# fullbore config --config FILE. What is marked "restart" cannot be changed by a reload.
`)
	defaults, section := defaultConfig(), ""
	for _, key := range defaults.Keys() {
		if key.Section != section {
			section = key.Section
			fmt.Fprintf(&b, "\n# ---- %s ----\n", section)
		}
		value, err := yamlValue(key)
		if err != nil {
			return err
		}
		restart := ""
		if !key.Live {
			restart = " (restart)"
		}
		fmt.Fprintf(&b, "\n# %s%s\n#%s: %s\n", key.Usage, restart, key.Name, value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes the keys as a table.
func WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| key and flag | environment | default | changes by | meaning |\n|---|---|---|---|---|\n")
	file := ""
	row := func(key Key) {
		value := ""
		if key.Value.String() != "" {
			value = "`" + key.Value.String() + "`"
		}
		changes := "restart"
		if key.Live {
			changes = "reload"
		}
		env := "`" + envName(key.Name) + "`"
		if key.fileOnly() {
			env = "none, nor a flag: in the file only"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", key.Name, env, value, changes,
			template.ReplaceAllString(strings.ReplaceAll(key.Usage, "|", `\|`), "`$1`"))
	}
	row(Key{Name: fileKey, Usage: "the YAML file with settings; not in the file itself", Value: (*text)(&file)})
	defaults := defaultConfig()
	for _, key := range defaults.Keys() {
		row(key)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// template finds one in single quotes, which Markdown could take for a formula.
var template = regexp.MustCompile(`'([^']*\$[^']*)'`)

// yamlValue is the value of a key as YAML.
func yamlValue(key Key) (string, error) {
	value := key.Shown()
	switch key.Value.Type() {
	case "bool", "int", "duration", "size", "map":
		return value, nil
	case "list":
		if value == "" {
			return "[]", nil
		}
		words := strings.Split(value, ",")
		for i, word := range words {
			var err error
			if words[i], err = yamlText(key, word); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(words, ", ") + "]", nil
	}
	return yamlText(key, value)
}

// bare is text that no version of YAML takes for anything else, except words.
var bare = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/_.-]*$`)

// yamlText writes text so that every YAML reader takes it for that.
func yamlText(key Key, value string) (string, error) {
	if !utf8.ValidString(value) {
		return "", fmt.Errorf("%s: %q is not UTF-8, which YAML cannot hold", key.Name, value)
	}
	words := []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
	if bare.MatchString(value) && !slices.Contains(words, strings.ToLower(value)) {
		return value, nil
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String(), nil
}
