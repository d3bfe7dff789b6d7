package config

import (
	"time"
)

func (c *Config) timeKeys() []Key {
	t := &c.Times
	return []Key{
		{"head-timeout", sectionTimes, "end a connection whose request's head is not whole after this long", true, nil, (*duration)(&t.Head)},
		{"keep-alive-timeout", sectionTimes, "end a connection on which no other request begins for this long", true, nil, (*duration)(&t.Rest)},
		{"idle-timeout", sectionTimes, "end a download whose client takes nothing for this long, and an upload of which nothing comes", true, nil, (*duration)(&t.Idle)},
		{"minimum-rate", sectionTimes, "end a download whose client takes less than this per second, such as 1KiB; 0 is never", true, nil, (*Size)(&t.Download)},
		{"minimum-upload-rate", sectionTimes, "refuse a request whose body comes at less than this per second; 0 is never", true, nil, (*Size)(&t.Upload)},
		{"rate-grace", sectionTimes, "how long a client may be slower than these rates", true, nil, (*duration)(&t.Grace)},
		{"storage-timeout", sectionTimes, "answer 503 when a disk takes longer than this to open a file; it is not asked again until it answers", true, nil, (*duration)(&c.StorageTimeout)},
	}
}

// StorageTimeoutDefault is how long a disk has to open a file.
const StorageTimeoutDefault = 10 * time.Second

// timeoutMin is the shortest that clients across a network can keep to.
const timeoutMin = time.Second

func (c *Config) validateTimes() error {
	t := &c.Times
	for _, timeout := range []struct {
		key string
		is  time.Duration
	}{{"head-timeout", t.Head}, {"keep-alive-timeout", t.Rest}, {"idle-timeout", t.Idle}, {"rate-grace", t.Grace}, {"storage-timeout", c.StorageTimeout}} {
		if timeout.is < timeoutMin {
			return wrong(timeout.key, "%v: want at least %v", duration(timeout.is), duration(timeoutMin))
		}
	}
	if c.DrainTimeout < 0 {
		return wrong("drain-timeout", "%v: want 0 or more", duration(c.DrainTimeout))
	}
	return nil
}
