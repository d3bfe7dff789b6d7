package e2e

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const fail2banFilter = "deploy/fail2ban/filter.d/fullbore.conf"

// victim is whom attackers would like to have banned.
const victim = "203.0.113.66"

// forgedRecords are values that try to look like a record of the victim's.
func forgedRecords() []string {
	date := "28/Nov/2026:10:00:00 +0000"
	return []string{
		fmt.Sprintf(`","remote":%q,"user":"","status":403,"x":"`, victim),
		fmt.Sprintf("\n{\"time\":\"2026-11-28T10:00:00.000Z\",\"id\":\"a-1\",\"remote\":%q,\"user\":\"\",\"status\":403,", victim),
		fmt.Sprintf("\r\n%s - - [%s] \"GET / HTTP/1.1\" 403 0 \"-\" \"-\"", victim, date),
		fmt.Sprintf("\x1b[2K\x85%s - - [%s] \"GET / HTTP/1.1\" 403 0", victim, date),
		fmt.Sprintf(`\" 403 0 %s - - [%s] \"`, victim, date),
		"\u2028" + victim + ` - - "x" 403 1`,
	}
}

// attack sends every forgery in every place that is logged, from 127.0.0.66, and gives how
// many requests were refused, and how many asked for what is not there.
func attack(t *testing.T, s *server) (refused, absent int) {
	t.Helper()
	// A header cannot have a line end; the rest of the forgery can be there.
	field := func(text string) string {
		return strings.NewReplacer("\r", "", "\n", "", "\x1b", "", "\x85", "").Replace(text)
	}
	for _, forged := range forgedRecords() {
		path, line := url.PathEscape(forged), field(forged)
		for _, head := range []string{
			"DELETE /" + path + " HTTP/1.1\r\nHost: test\r\n",
			"DELETE /f?" + path + " HTTP/1.1\r\nHost: test\r\n",
			"DELETE /f?" + strings.ReplaceAll(line, " ", "%20") + " HTTP/1.1\r\nHost: test\r\n",
			"DELETE /f HTTP/1.1\r\nHost: test\r\nUser-Agent: " + line + "\r\n",
			"DELETE /f HTTP/1.1\r\nHost: test\r\nReferer: " + line + "\r\n",
			"DELETE /f HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: " + victim + "\r\nForwarded: for=" + victim + "\r\n",
			"DELETE /f HTTP/1.1\r\nHost: test\r\nAuthorization: Basic " + victim + "\r\n",
			"GET /f HTTP/1.1\r\nHost: " + line + "\r\n", // is malformed
			"GET /" + line + " HTTP/1.1\r\nHost: test\r\n",
			line + "\r\n",
		} {
			c := dialFrom(t, s.addr, "127.0.0.66")
			c.send(t, head+"Connection: close\r\n\r\n")
			answer, err := io.ReadAll(c.r)
			if err != nil {
				t.Errorf("%q: %v", head, err)
			}
			status, _, _ := strings.Cut(strings.TrimPrefix(string(answer), "HTTP/1.1 "), " ")
			switch status {
			case "400", "405", "501":
				refused++
			case "404":
				absent++
			default:
				t.Errorf("%q is answered %.30q", head, answer)
			}
			c.Close()
		}
	}
	return refused, absent
}

// fail2ban's own program finds who was refused, in the log of a real run, as often as they
// were, and nobody else, whatever is sent.
func TestFail2banReadsTheLog(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("clients need addresses of their own")
	}
	regex := needTool(t, "fail2ban-regex")
	for _, format := range []string{"json", "combined", "common"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeFile(t, dir+"/f", "content")
			s := start(t, dir, "--log-format", format)
			refused, absent := attack(t, s)
			for range 5 { // honest ones, of whom one has a dead link
				for path, from := range map[string]string{"/f": "127.0.0.5", "/nope": "127.0.0.6"} {
					c := dialFrom(t, s.addr, from)
					c.send(t, "GET "+path+" HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
					_ = c.closedBy(t)
				}
			}
			s.stop()
			if lines := strings.Count(read(t, s.log), "\n"); lines != refused+absent+10 {
				t.Errorf("%d lines of %d requests", lines, refused+absent+10)
			}
			for mode, want := range map[string]map[string]int{
				"refused": {"127.0.0.66": refused},
				"absent":  {"127.0.0.66": refused + absent, "127.0.0.6": 5},
			} {
				found := map[string]int{}
				for _, address := range strings.Fields(succeed(t, exec.Command(regex, "-o", "ip", s.log, fail2banFilter+"[mode="+mode+"]"))) {
					found[address]++
				}
				if fmt.Sprint(found) != fmt.Sprint(want) {
					t.Errorf("mode %s finds %v, want %v", mode, found, want)
				}
			}
		})
	}
}

// fail2ban takes the configuration.
func TestFail2banTakesTheJail(t *testing.T) {
	client := needTool(t, "fail2ban-client")
	dir := t.TempDir()
	if err := os.CopyFS(dir+"/etc", os.DirFS("/etc/fail2ban")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"filter.d/fullbore.conf", "jail.d/fullbore.conf"} {
		writeFile(t, filepath.Join(dir, "etc", name), strings.ReplaceAll(read(t, "deploy/fail2ban/"+name), "/var/log/fullbore", dir))
	}
	writeFile(t, dir+"/access.log", "")
	// Jails of the distribution need logs that need not be there.
	if err := os.RemoveAll(dir + "/etc/jail.d/defaults-debian.conf"); err != nil {
		t.Fatal(err)
	}
	if said := succeed(t, exec.Command(client, "-c", dir+"/etc", "-t")); !strings.Contains(said, "successful") {
		t.Error(said)
	}
	said := succeed(t, exec.Command(client, "-c", dir+"/etc", "-d"))
	for _, want := range []string{"'fullbore', 'addfailregex'", "'set', 'fullbore', 'addlogpath', '" + dir + "/access.log'", "'set', 'fullbore', 'maxretry', 30"} {
		if !strings.Contains(said, want) {
			t.Errorf("the jail lacks %s", want)
		}
	}
}
