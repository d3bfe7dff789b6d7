package config

import "fullbore/app/limit"

func limitKeys(l *limit.Settings) []Key {
	return []Key{
		{limit.Connections, sectionLimits, "serve at most this many connections at once; 0 is no limit", true, nil, (*integer)(&l.Connections)},
		{limit.ClientConnections, sectionLimits, "serve at most this many connections of one client; 0 is no limit", true, nil, (*integer)(&l.ClientConnections)},
		{limit.Downloads, sectionLimits, "send at most this many files at once; 0 is no limit", true, nil, (*integer)(&l.Downloads)},
		{limit.ClientDownloads, sectionLimits, "send a client at most this many files, or parts of files, at once; 0 is no limit", true, nil, (*integer)(&l.ClientDownloads)},
		{limit.ClientRequests, sectionLimits, "answer a client at most so often, such as 10/s, 100/m or 10/s,burst=50; 0 is no limit", true, nil, (*requestRate)(&l.Requests)},
	}
}

func (c *Config) validateLimits() error {
	for _, count := range []struct {
		key string
		n   int
	}{
		{limit.Connections, c.Limits.Connections},
		{limit.ClientConnections, c.Limits.ClientConnections},
		{limit.Downloads, c.Limits.Downloads},
		{limit.ClientDownloads, c.Limits.ClientDownloads},
	} {
		if count.n < 0 {
			return wrong(count.key, "%d: want 0, which is no limit, or more", count.n)
		}
	}
	return nil
}

// requestRate is a number of requests in a time.
type requestRate limit.Rate

// Set reads a rate.
func (r *requestRate) Set(s string) error {
	rate, err := limit.ParseRate(s)
	if err == nil {
		*r = requestRate(rate)
	}
	return err
}

func (r *requestRate) String() string { return limit.Rate(*r).String() }

// Type is the word for the value in the help text.
func (r *requestRate) Type() string { return "rate" }
