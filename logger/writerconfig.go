package logger

import (
	"strconv"
	"time"
)

// WriterConfig configures a Writer. Zero or less means the default.
type WriterConfig struct {
	// BufferSize is how many bytes are collected before they are written without
	// waiting for FlushInterval. No write to the sink is larger, unless a single
	// call of Write was.
	//
	// Optional. Default: 64 KiB
	BufferSize int

	// FlushInterval is the longest that a line waits before it goes to the sink.
	//
	// Optional. Default: 1 s
	FlushInterval time.Duration

	// MaxPending is how many bytes may wait while the sink stalls. Beyond it new
	// lines are dropped and counted. It is raised to two buffers at least.
	//
	// Optional. Default: 1 MiB
	MaxPending int

	// Timeout is the longest that Flush, Reopen and Close wait for the sink.
	//
	// Optional. Default: 5 s
	Timeout time.Duration

	// Notice appends to dst the line, with its line feed, that says in the log how
	// many lines were lost since the last notice. It runs on the Writer's goroutine.
	//
	// Optional. Default: "# access log: 12 lines lost"
	Notice func(dst []byte, dropped int64) []byte

	// OnError is called for each failed write, on the Writer's goroutine. It may
	// call Write, but not Flush, Reopen or Close, which wait for that goroutine.
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
	// One block is written while the next fills; with less, a healthy sink would
	// lose lines.
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
