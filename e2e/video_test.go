//go:build unix

package e2e

// A video in a real browser: the player fetches the index from the file's end,
// plays, and is sent to where it has nothing yet.

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

const videoSeconds = 60

// makeVideo makes an MP4 that is too large for the player to keep: noise does
// not compress. Its index is at the end, where ffmpeg puts it unless told
// otherwise.
func makeVideo(t *testing.T, name string) (size int64) {
	t.Helper()
	succeed(t, program(t, filepath.Dir(name), "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=640x360:rate=10:duration=%d", videoSeconds), "-vf", "noise=alls=40:allf=t",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-b:v", "5M", name))
	content := read(t, name)
	index := strings.LastIndex(content, "moov")
	if size = int64(len(content)); size < 20<<20 || int64(index) < size-1<<20 {
		t.Fatalf("ffmpeg made %d bytes with the index at %d", size, index)
	}
	return size
}

// The player is the same, but the page is not: the video by itself, in the
// preview of the listing, and in a page of the folder, whose policy forbids it
// scripts.
func TestVideoPlaysAndSeeks(t *testing.T) {
	inBrowser(t)
	dir := t.TempDir()
	size := makeVideo(t, filepath.Join(dir, "video.mp4"))
	write(t, filepath.Join(dir, "watch.html"), `<!DOCTYPE html><title>video</title><link rel="icon" href="data:,"><video src="video.mp4" controls muted preload="metadata"></video>`)
	for _, page := range []string{"/video.mp4", "/", "/watch.html"} {
		s := start(t, dir)
		p := newTab(t, s.addr)
		p.open(page)
		if page == "/" {
			p.clickName("video.mp4")
		}
		p.playsAndSeeks(page != "/watch.html")
		p.screenshot("video" + strings.ReplaceAll(page, "/", "-"))
		p.open("/?done") // and with it the player lets go
		index, middle := false, false
		records := s.wholeLog()
		for _, r := range records {
			var from int64
			if _, err := fmt.Sscanf(r.Range, "%d-", &from); r.Path != "/video.mp4" || r.Status != 206 || err != nil {
				continue
			}
			index = index || from > size*95/100
			middle = middle || (from > size/2 && from < size*95/100)
		}
		if !index || !middle {
			t.Errorf("%s: no 206 for the index at the end (%v), or none for the second half (%v): %+v", page, index, middle, records)
		}
	}
}

// playsAndSeeks looks at the metadata, plays, and goes to second 50. Where
// scripts may run, the page says which frame is shown then.
func (p *tab) playsAndSeeks(scripts bool) {
	p.t.Helper()
	const video = "document.querySelector('video')"
	p.waitFor(video + "?.readyState >= 1 || " + video + "?.error")
	p.noError()
	if seconds := eval[float64](p, video+".duration"); math.Abs(seconds-videoSeconds) > 1 {
		p.t.Errorf("the video is %v s long, want %d", seconds, videoSeconds)
	}
	eval[any](p, video+".play()")
	p.waitFor(video + ".currentTime > 0.3 || " + video + ".error")
	p.noError()
	eval[any](p, video+".pause()")
	if scripts {
		eval[any](p, `(v => {
			v.onseeked = () => v.dataset.sought = true;
			const frame = (now, data) => { v.dataset.shown = data.mediaTime; v.requestVideoFrameCallback(frame) };
			v.requestVideoFrameCallback(frame);
		})(`+video+`)`)
	}
	eval[any](p, video+".currentTime = 50")
	p.waitFor("(v => v.error || (!v.seeking && v.readyState >= 2 && v.currentTime === 50))(" + video + ")")
	p.noError()
	if scripts {
		p.waitFor("(v => v.dataset.sought && Math.abs(v.dataset.shown - 50) < 0.2)(" + video + ")")
	}
}

// noError ends the test if the player has failed.
func (p *tab) noError() {
	p.t.Helper()
	if failed := eval[string](p, "(e => e ? e.code + ' ' + e.message : '')(document.querySelector('video').error)"); failed != "" {
		p.t.Fatalf("the player: %s", failed)
	}
}
