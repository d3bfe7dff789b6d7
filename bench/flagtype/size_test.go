package flagtype

// This file checks that a size survives its own printing.

import "testing"

func TestSizesForPeople(t *testing.T) {
	cases := []struct {
		text string
		want int64
	}{
		{"2GiB", 2 << 30}, {"2.0 GiB", 2 << 30}, {"500MB", 500e6}, {"0", 0}, {"17", 17},
	}
	for _, c := range cases {
		var size Size
		if err := size.Set(c.text); err != nil || int64(size) != c.want {
			t.Errorf("%q: %d, %v, want %d", c.text, size, err, c.want)
		}
	}
	for _, text := range []string{"", "many", "-1", "99EiB"} {
		var size Size
		if err := size.Set(text); err == nil {
			t.Errorf("%q was taken for %d bytes", text, size)
		}
	}
}
