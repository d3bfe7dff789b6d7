package config

import (
	"math"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestValuesAreReadAndWrittenAsPeopleDo(t *testing.T) {
	for _, test := range []struct {
		value     pflag.Value
		set, want string // want "": an error
	}{
		{new(duration), "30s", "30s"},
		{new(duration), "0", "0"},
		{new(duration), "0s", "0"},
		{new(duration), "60s", "1m"},
		{new(duration), "1m30s", "1m30s"},
		{new(duration), "90m", "1h30m"},
		{new(duration), "1h0m1s", "1h0m1s"},
		{new(duration), "1h", "1h"},
		{new(duration), "20m", "20m"},
		{new(duration), "10s", "10s"},
		{new(duration), "168h", "7d"},
		{new(duration), "7d", "7d"},
		{new(duration), "2w", "14d"},
		{new(duration), "1w2d3h4m5s", "9d3h4m5s"},
		{new(duration), "1d12h", "1d12h"},
		{new(duration), "24h10s", "1d10s"},
		{new(duration), "1.5h", "1h30m"},
		{new(duration), "250ms", "250ms"},
		{new(duration), "1d1ns", "1d1ns"},
		{new(duration), "-1s", "-1s"},
		{new(duration), "-1d", "-24h0m0s"},
		{new(duration), "1.5d", ""},
		{new(duration), "5days", ""},
		{new(duration), "30", ""},
		{new(duration), "", ""},
		{new(duration), "d", ""},
		{new(duration), "1d ", ""},
		{new(duration), "200000w", ""},
		{new(duration), "99999999999999999999d", ""},
		{new(Size), "100MiB", "100MiB"},
		{new(Size), "2GiB", "2GiB"},
		{new(Size), "1.5GiB", "1536MiB"},
		{new(Size), "2GB", "2GB"},
		{new(Size), "1048576", "1MiB"},
		{new(Size), "1023", "1023"},
		{new(Size), "9007199254740993", "9007199254740993"},
		{new(Size), "9223372036854775807", "9223372036854775807"},
		{new(Size), "9223372036854775808", ""},
		{new(Size), "0", "0"},
		{new(Size), "-1", ""},
		{new(Size), "much", ""},
		{new(boolean), "true", "true"},
		{new(boolean), "1", "true"},
		{new(boolean), "False", "false"},
		{new(boolean), "yes", ""},
		{new(integer), "12", "12"},
		{new(integer), "1.5", ""},
		{new(integer), "0x10", ""},
		{&list{to: new([]string)}, "a.b, c.d,,", "a.b,c.d"},
	} {
		err := test.value.Set(test.set)
		if got := test.value.String(); (err != nil) != (test.want == "") || (err == nil && got != test.want) {
			t.Errorf("%T %q: %q, %v; want %q", test.value, test.set, got, err, test.want)
		}
	}
}

// What String writes is what Set reads: the reload compares by it.
func FuzzDuration(f *testing.F) {
	for _, d := range []time.Duration{0, 1, time.Second, time.Minute, time.Hour, 24 * time.Hour, 36 * time.Hour, math.MaxInt64, -1} {
		f.Add(int64(d))
	}
	f.Fuzz(func(t *testing.T, n int64) {
		was, is := duration(n), duration(0)
		if n == math.MinInt64 { // which time.ParseDuration does not read
			return
		}
		if err := is.Set(was.String()); err != nil || is != was {
			t.Errorf("%d is written %q and read %d, %v", n, was, is, err)
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, n := range []int64{0, 1, 1000, 1024, 1 << 40, 1e12, math.MaxInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if n < 0 {
			return
		}
		was, is := Size(n), Size(0)
		if err := is.Set(was.String()); err != nil || is != was {
			t.Errorf("%d is written %q and read %d, %v", n, was.String(), is, err)
		}
	})
}

func TestSecretsOfAddressesAreMasked(t *testing.T) {
	for value, want := range map[string]string{
		"":                                    "",
		"https://alerts.example.org":          "https://alerts.example.org",
		"https://alerts.example.org/":         "https://alerts.example.org/",
		"https://user:secret@example.org:1/":  "https://***@example.org:1/",
		"https://secret@example.org":          "https://***@example.org",
		"https://hooks.example.org/T0/secret": "https://hooks.example.org/***",
		"https://example.org?token=secret":    "https://example.org/***",
		"https://example.org/#secret":         "https://example.org/***",
		"user:secret@example.org":             "***",
		"https://%zz:secret@example.org":      "***",
		"mailto:secret":                       "***",
	} {
		u := secretURL(value)
		if got := u.Masked(); got != want {
			t.Errorf("%q is shown as %q, want %q", value, got, want)
		}
	}
}
