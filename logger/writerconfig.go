package logger

// This file is what can be set of a Writer.

import (
	"strconv"
	"time"
)

// WriterConfig configures a Writer. In every field zero or less means the default.
type WriterConfig struct {
	// BufferSize is how many bytes are gathered before they are written without
	// waiting for FlushInterval, and the most that one write to the sink holds,
	// unless one call of Write alone brought more.
	//
	// Optional. Default: 64 KiB
	BufferSize int

	// FlushInterval is the longest that a line waits before it is handed to the
	// sink.
	//
	// Optional. Default: 1 s
	FlushInterval time.Duration

	// MaxPending is how many bytes may wait while the sink stalls. Beyond it
	// new lines are dropped and counted. Less than two buffers counts as two.
	//
	// Optional. Default: 1 MiB
	MaxPending int

	// Timeout is the longest that Flush, Reopen and Close wait for the sink.
	//
	// Optional. Default: 5 s
	Timeout time.Duration

	// Notice appends to dst the line, with its line feed, that tells the log's
	// reader how many lines were lost since the last notice. It is called from
	// the Writer's goroutine.
	//
	// Optional. Default: "# access log: 12 lines lost"
	Notice func(dst []byte, dropped int64) []byte

	// OnError is told of each failed write, from the Writer's goroutine. It may
	// call Write, but neither Flush, Reopen nor Close, which wait for that
	// goroutine.
	//
	// Optional. Default: nil
	OnError func(error)
}

func (c *WriterConfig) setDefaults() {
	if c.BufferSize <= 0 {
		c.BufferSize = 64 << 10
	}
	if c.FlushInterval <= 0 {
		c.FlushInterval = time.Second
	}
	if c.MaxPending <= 0 {
		c.MaxPending = 1 << 20
	}
	// With less, lines would be lost while the sink is well: one block is
	// written while the next one fills.
	c.MaxPending = max(c.MaxPending, 2*c.BufferSize)
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Notice == nil {
		c.Notice = textNotice
	}
}

func textNotice(dst []byte, dropped int64) []byte {
	dst = append(dst, "# access log: "...)
	dst = strconv.AppendInt(dst, dropped, 10)
	return append(dst, " lines lost\n"...)
}
