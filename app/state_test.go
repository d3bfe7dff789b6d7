package app

import "testing"

func TestStateDirDefault(t *testing.T) {
	for _, c := range []struct {
		systemd, xdg, home string
		want               string // "": an error
	}{
		{"/var/lib/fullbore", "/x", "/home/me", "/var/lib/fullbore"},
		{"/var/lib/fullbore:/var/lib/other", "", "", "/var/lib/fullbore"},
		{"", "/x", "/home/me", "/x/fullbore"},
		{"", "relative", "/home/me", "/home/me/.local/state/fullbore"},
		{"", "", "/home/me", "/home/me/.local/state/fullbore"},
		{"", "", "", ""},
		{"", "", "relative", ""},
	} {
		env := map[string]string{"STATE_DIRECTORY": c.systemd, "XDG_STATE_HOME": c.xdg, "HOME": c.home}
		got, err := stateDirDefault(func(key string) string { return env[key] })
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v gave %q, %v", c, got, err)
		}
	}
}
