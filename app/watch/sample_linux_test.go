package watch

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The kernel says the same in two places; see proc_pid_status(5).
func TestResidentAgreesWithStatus(t *testing.T) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all, anonymous int64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &all)
		}
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			_, _ = fmt.Sscan(rest, &anonymous)
		}
	}
	gotAll, gotAnonymous, known := resident()
	const near = 4 * mib
	far := func(a, b int64) bool { return a-b > near || b-a > near } // it is counted by thread
	if !known || all == 0 || far(gotAll, all<<10) || far(gotAnonymous, anonymous<<10) {
		t.Errorf("%d resident, %d anonymous, %v; status says %d and %d kB", gotAll, gotAnonymous, known, all, anonymous)
	}
	for _, line := range []string{"", "1 2", "1 a 3", "1 2 b"} {
		if _, _, known := parseStatm([]byte(line)); known {
			t.Errorf("%q was read", line)
		}
	}
}
