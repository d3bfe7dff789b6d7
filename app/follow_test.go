package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"fullbore/app/config"
)

// tree makes root/v1 and root/v2 with a file that says so, and gives root.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		do(t, os.Mkdir(filepath.Join(root, version), 0o755),
			os.WriteFile(filepath.Join(root, version, "file"), []byte(version), 0o600),
			os.WriteFile(filepath.Join(root, version+".iso"), []byte(version), 0o600))
	}
	return root
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What has the name is served, and an event says what happened.
func TestFilesFollowTheirName(t *testing.T) {
	for what, test := range map[string]struct {
		served       string // with the name at the start
		change       func(name, root string) []error
		target, want string
		event        string
	}{
		"a link is switched": {"v1", func(name, root string) []error {
			return []error{os.Symlink(filepath.Join(root, "v2"), name+"-new"), os.Rename(name+"-new", name)}
		}, "/file", "v2", "it led to "},
		"a link above is switched": {".", func(name, root string) []error {
			return []error{
				os.Mkdir(root+"/other", 0o755), os.WriteFile(root+"/other/file", []byte("v2"), 0o600),
				os.Remove(name), os.Symlink(filepath.Join(root, "other"), name),
			}
		}, "/file", "v2", "it led to "},
		"the folder it leads to is exchanged": {"v1", func(_, root string) []error {
			return []error{os.Rename(root+"/v1", root+"/away"), os.Rename(root+"/v2", root+"/v1")}
		}, "/file", "v2", "another folder, file or mount has its name"},
		"the folder is removed and made again": {"v1", func(_, root string) []error {
			return []error{os.RemoveAll(root + "/v1"), os.Rename(root+"/v2", root+"/v1")}
		}, "/file", "v2", "the open folder was removed"},
		"a file takes its place": {"v1", func(name, root string) []error {
			return []error{os.Remove(name), os.Symlink(root+"/v2.iso", name)}
		}, "/name", "v2", "it is a file now; a folder was opened"},
		"a folder takes a file's place": {"v1.iso", func(name, root string) []error {
			return []error{os.Remove(name), os.Symlink(root+"/v2", name)}
		}, "/file", "v2", "it is a folder now; a file was opened"},
	} {
		t.Run(what, func(t *testing.T) {
			root := tree(t)
			name := filepath.Join(t.TempDir(), "name")
			do(t, os.Symlink(filepath.Join(root, test.served), name))
			var out bytes.Buffer
			f, err := openFiles(&config.Config{Path: name}, zerolog.New(&out))
			do(t, err)
			defer f.close()
			old := f.now.Load()
			do(t, test.change(name, root)...)
			if behind, gone := f.look(); behind != nil || gone != nil {
				t.Errorf("%v, %v", behind, gone)
			}
			if got := answer(t, f, test.target); got != test.want {
				t.Errorf("%s: %q", test.target, got)
			}
			if !strings.Contains(out.String(), `"event":"files"`) || !strings.Contains(out.String(), test.event) {
				t.Errorf("it said %s", out.String())
			}
			if n := old.users.Load(); n != 0 {
				t.Errorf("%d use the old one", n)
			}
			out.Reset()
			if behind, gone := f.look(); behind != nil || gone != nil || out.Len() > 0 {
				t.Errorf("the next look: %v, %v, said %s", behind, gone, out.String())
			}
		})
	}
}

// Between rm and mv, the old one is served.
func TestFilesWaitForTheirName(t *testing.T) {
	root := tree(t)
	name := filepath.Join(root, "v1")
	f := filesOf(t, name)
	defer f.close()
	do(t, os.Rename(name, name+"-away"))
	if behind, gone := f.look(); behind != nil || gone == nil || gone.Error() != "no such file or directory" {
		t.Errorf("nothing has the name: %v, %v", behind, gone)
	}
	if got := answer(t, f, "/file"); got != "v1" {
		t.Errorf("nothing has the name: %q is served", got)
	}
	do(t, os.Symlink(os.DevNull, name))
	if _, gone := f.look(); gone == nil || !strings.Contains(gone.Error(), "neither a folder nor a regular file") {
		t.Errorf("a device has the name: %v", gone)
	}
	do(t, os.Remove(name), os.Rename(filepath.Join(root, "v2"), name))
	if behind, gone := f.look(); behind != nil || gone != nil || answer(t, f, "/file") != "v2" {
		t.Errorf("another has the name: %v, %v", behind, gone)
	}
}

func TestFilesThatCannotFollow(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := tree(t)
	name := filepath.Join(root, "v1")
	f := filesOf(t, name)
	defer f.close()
	do(t, os.Rename(name, name+"-away"), os.Mkdir(name, 0))
	want := "another one has its name now, but cannot be served: permission denied"
	if behind, gone := f.look(); behind == nil || behind.Error() != want || gone != nil {
		t.Errorf("%v, %v", behind, gone)
	}
	do(t, os.RemoveAll(name+"-away"))
	want = "the open folder was removed; what has its name now cannot be served: permission denied"
	if behind, gone := f.look(); gone == nil || gone.Error() != want || behind != nil {
		t.Errorf("%v, %v", behind, gone)
	}
}

// answer is the body of an answer.
func answer(t *testing.T, f *files, target string) string {
	t.Helper()
	app := fiber.New()
	app.Use(f.Handle)
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI(target)
	app.Handler()(&ctx)
	defer func() { _ = ctx.Response.CloseBodyStream() }()
	var body bytes.Buffer
	if err := ctx.Response.BodyWriteTo(&body); err != nil {
		t.Fatal(err)
	}
	return body.String()
}
