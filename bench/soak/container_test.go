//go:build linux

package soak

// This file soaks a server in a real container, by name and by cgroup. It exists
// because namespaces, users and cgroups are where reading /proc goes wrong.

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fullbore/bench/imagetest"
	"fullbore/bench/process"
	"fullbore/bench/report"
)

const containerLimit = 256 << 20

// container is a control that runs in a container of its own.
type container struct{ name, url, folder string }

func TestSoakOfAContainer(t *testing.T) {
	if testing.Short() {
		t.Skip("skipping soaks of real servers")
	}
	imagetest.Need(t)
	image := imagetest.Import(t, "./testdata/plain", "plain")
	config := quick
	config.Size, config.Whole = 32<<20, 6
	t.Run("by name", func(t *testing.T) {
		t.Parallel()
		c := runContainer(t, image)
		config := config
		config.Container, config.URL = c.name, c.url
		config.Create, config.AccessLog = filepath.Join(c.folder, fileName), filepath.Join(c.folder, "access.log")
		c.soaked(t, config, "container "+c.name, "downloads to the byte")
	})
	t.Run("by cgroup", func(t *testing.T) {
		t.Parallel()
		c := runContainer(t, image)
		config := config
		pid, err := process.ContainerPID(t.Context(), c.name)
		if err != nil {
			t.Fatal(err)
		}
		if config.Cgroup = process.CgroupOf(pid); config.Cgroup == "" {
			t.Fatalf("the container's process %d has no memory cgroup of its own", pid)
		}
		config.URL, config.Create = c.url, filepath.Join(c.folder, fileName)
		c.soaked(t, config, "cgroup "+config.Cgroup)
	})
	t.Run("that dies", func(t *testing.T) {
		t.Parallel()
		c := runContainer(t, image)
		config := config
		config.Container, config.URL, config.Create = c.name, c.url, filepath.Join(c.folder, fileName)
		config.Rounds = 1000
		var out bytes.Buffer
		code, err := Run(t.Context(), config, &out, &onFirstLine{do: func() { imagetest.Docker(t, "kill", c.name) }})
		if code != ExitCouldNot || err == nil || !strings.Contains(err.Error(), "died in round") || !strings.Contains(err.Error(), c.name+": exit code 137") {
			t.Errorf("exit %d, error %v, want %d, the round, and how the container ended", code, err, ExitCouldNot)
		}
	})
	t.Run("that its memory limit kills", func(t *testing.T) {
		t.Parallel()
		c := runContainer(t, imagetest.Import(t, "./testdata/leaky", "leaky"))
		config := config
		config.Container, config.URL, config.Create = c.name, c.url, filepath.Join(c.folder, fileName)
		config.Size = containerLimit // which the leak reads into memory
		code, err := Run(t.Context(), config, &bytes.Buffer{}, &bytes.Buffer{})
		if code != ExitCouldNot || err == nil || !strings.Contains(err.Error(), "died") || !strings.Contains(err.Error(), "killed for its memory limit") {
			t.Errorf("exit %d, error %v, want %d and why it died", code, err, ExitCouldNot)
		}
	})
	t.Run("that does not exist", func(t *testing.T) {
		config := config
		config.Container, config.URL = "fullbore-no-such-container", "http://127.0.0.1:1/f"
		code, err := Run(t.Context(), config, &bytes.Buffer{}, &bytes.Buffer{})
		if code != ExitCouldNot || err == nil || !strings.Contains(err.Error(), config.Container) {
			t.Errorf("exit %d, error %v, want %d and its name", code, err, ExitCouldNot)
		}
	})
}

// soaked expects a verdict, and a result with the cgroup's figures in every rest.
func (c container) soaked(t *testing.T, config Config, mentions ...string) {
	t.Helper()
	config.JSON = filepath.Join(t.TempDir(), "result.json")
	wantSoak(t, config, ExitFlat, append(mentions, "verdict: flat")...)
	text, err := os.ReadFile(config.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var result report.Soak
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	judged := map[string]bool{}
	for _, finding := range result.Findings {
		judged[finding.Name] = true
	}
	if !judged["cgroup anon"] || !judged["cgroup file"] {
		t.Errorf("the cgroup is not among the findings: %v", judged)
	}
	inCache := config.Size / 10 * 9 // the kernel adds some pages late, in batches
	var fs unix.Statfs_t
	if err := unix.Statfs(c.folder, &fs); err != nil || fs.Type == unix.TMPFS_MAGIC {
		inCache = 0 // tmpfs has no pages for what is sparse
	}
	for _, rest := range result.Rest {
		group := rest.Cgroup
		if group == nil {
			t.Fatalf("round %d: no figures of the cgroup", rest.Round)
		}
		// The cgroup counts the file's pages too, and the process more often than once.
		if group.Limit != containerLimit || group.Anon < rest.Anon/2 || group.File < inCache || group.Current < group.File || group.Current > group.Limit {
			t.Errorf("round %d: %+v of a process with %+v", rest.Round, *group, rest.Sample)
		}
	}
}

// runContainer starts a container that shares a folder and the network with us.
func runContainer(t *testing.T, image string) container {
	t.Helper()
	folder := t.TempDir()
	name := imagetest.Docker(t, "run", "--detach", "--network", "host", "--memory", "256m", "--volume", folder+":/srv", image, "/srv", "/srv/access.log")
	t.Cleanup(func() { imagetest.Docker(t, "rm", "--force", name) })
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, address, found := strings.Cut(imagetest.Docker(t, "logs", name), "listening "); found {
			return container{name, address + "/" + fileName, folder}
		}
	}
	t.Fatalf("the container does not listen: %s", imagetest.Docker(t, "logs", name))
	return container{}
}
