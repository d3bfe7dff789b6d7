package app

import (
	"bytes"
	"context"
	"testing"
	"time"

	"fullbore/app/config"
	"fullbore/app/deadline"
)

// A stop may come before the listeners are served; Run must end all the same.
func TestStopBeforeTheStart(t *testing.T) {
	for range 20 {
		a, err := New(config.Config{
			Path: t.TempDir(), Listen: []string{"127.0.0.1:0"}, Admin: "127.0.0.1:0", AccessLog: "off", LogFormat: "json",
			Times: deadline.Default(), DrainTimeout: time.Minute,
		}, "test", &bytes.Buffer{}, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Run(ctx); err != nil {
			t.Error(err)
		}
		a.Close()
	}
}
