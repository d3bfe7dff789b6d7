package config

import "fullbore/app/limit"

func limitKeys(l *limit.Settings) []Key {
	return []Key{
		{limit.Connections, sectionLimits, "serve at most this many connections at once; 0 is no limit", true, nil, (*integer)(&l.Connections)},
		{limit.ClientConnections, sectionLimits, "serve at most this many connections of one client; 0 is no limit", true, nil, (*integer)(&l.ClientConnections)},
		{limit.Downloads, sectionLimits, "send at most this many files at once; 0 is no limit", true, nil, (*integer)(&l.Downloads)},
		{limit.ClientDownloads, sectionLimits, "send a client at most this many files, or parts of files, at once; 0 is no limit", true, nil, (*integer)(&l.ClientDownloads)},
		{limit.Queue, sectionLimits, "let this many downloads wait for their turn, rather than refuse them, such as 100 or 100,wait=20s (default wait=30s); 0 is off", true, nil, (*queue)(&l.Queue)},
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
	if l := c.Limits; l.Queue.N > 0 && l.Downloads == 0 && l.ClientDownloads == 0 {
		return wrong(limit.Queue, "nothing would ever wait: want a limit on %v or %v, too", other(limit.Downloads), other(limit.ClientDownloads))
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

// queue is how many downloads may wait, and for how long.
type queue limit.Line

// Set reads a queue.
func (q *queue) Set(s string) error {
	line, err := limit.ParseLine(s)
	if err == nil {
		*q = queue(line)
	}
	return err
}

func (q *queue) String() string { return limit.Line(*q).String() }

// Type is the word for the value in the help text.
func (q *queue) Type() string { return "queue" }
