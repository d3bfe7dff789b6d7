package static

// This file compresses files while they are sent. It is for text of moderate
// size: what is large, or is compressed already, has its bytes moved by the
// kernel instead. The cost is bounded: so many encoders and no more are in use
// at once, and nobody waits for one.

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"fullbore/static/accept"
)

// Sizes in bytes of files that are worth it. Less would fit into the packets
// that are sent anyway; more is likely to be wanted in ranges, and takes a
// while of a processor.
const (
	minCompressed = 1 << 10
	maxCompressed = 10 << 20
)

// maxEncoders is how many encoders are in use at once. Two for each processor
// keep it busy while the other waits for its client; of a client that reads
// slowly each holds about 1 MiB for as long as it likes, hence the upper bound.
var maxEncoders = int32(min(max(2*runtime.GOMAXPROCS(0), 4), 32))

// encodersInUse counts those between acquireEncoder and release.
var encodersInUse atomic.Int32

// encodersFree are those that are not in use, by coding, until the garbage
// collector wants them.
var encodersFree [accept.NumCodings]sync.Pool

// encodable are the codings that acquireEncoder can give.
var encodable = accept.Codings(0).With(accept.Gzip).With(accept.Zstd)

// pieceLength is how many bytes are read at a time, and how many compressed
// bytes are collected before they are written as one chunk.
const pieceLength = 32 << 10

// encoder is a compressor with the buffers on both sides of it.
type encoder struct {
	coding accept.Coding
	writer interface { // to out
		io.WriteCloser
		Reset(w io.Writer)
	}
	piece []byte
	out   bytes.Buffer
}

// acquireEncoder gives an encoder for one body; who makes none calls release.
// It is false if too many are in use, and for a coding that is not encodable:
// then the file goes out as it is.
func acquireEncoder(c accept.Coding) (*encoder, bool) {
	if !encodable.Has(c) {
		return nil, false
	}
	if encodersInUse.Add(1) > maxEncoders {
		encodersInUse.Add(-1)
		return nil, false
	}
	e, ok := encodersFree[c].Get().(*encoder)
	if !ok {
		e = newEncoder(c)
	}
	e.out.Reset()
	e.writer.Reset(&e.out) // whatever became of it the last time
	return e, true
}

// newEncoder makes an encoder for a coding that is encodable. The settings are
// those that take little memory; BenchmarkCompress tells what they give.
func newEncoder(c accept.Coding) *encoder {
	e := &encoder{coding: c, piece: make([]byte, pieceLength)}
	var err error
	if c == accept.Zstd {
		e.writer, err = zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(128<<10), // RFC 9659 allows up to 8 MiB
			zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderConcurrency(1)) // no goroutines
	} else {
		e.writer, err = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	if err != nil {
		panic(err) // the settings are constants
	}
	return e
}

// release gives the encoder back.
func (e *encoder) release() {
	encodersFree[e.coding].Put(e)
	encodersInUse.Add(-1)
}

// compressedBody is the body stream of a file that is compressed while it is
// sent, like Body is of one that is sent as it is. Its length is not known
// before, so it goes out in chunks (RFC 9112 section 7.1), which HTTP/1.0 does
// not have. When it fails, the last chunk is never sent and the client knows.
// It is for one goroutine at a time.
type compressedBody struct {
	encoder *encoder // nil when closed
	file    io.ReadCloser
	left    int64 // of the file, still to be read
	ended   bool  // the encoder gave all there is
	size    int64
	sent    int64
	err     error
}

// newCompressedBody takes over the file, which is read from where it is and is
// to be size bytes long, and the encoder; Close gives back both. That the file
// ends after size bytes is looked at. One that looks itself, and at more, may
// fail with an error of its own.
func newCompressedBody(file io.ReadCloser, size int64, e *encoder) *compressedBody {
	return &compressedBody{encoder: e, file: file, left: size, size: size}
}

// BytesSent is the number of compressed bytes that the writer took. Of a chunk
// that it took in part, which ends the response, it counts none.
func (b *compressedBody) BytesSent() int64 { return b.sent }

// Size is the size of the whole file in bytes, not compressed, as it was when
// it was opened.
func (b *compressedBody) Size() int64 { return b.size }

// Err is what ended the body early, nil if nothing did. It is
// io.ErrUnexpectedEOF for a file that did not have the size that it had when it
// was opened.
func (b *compressedBody) Err() error { return b.err }

// Close closes the file and gives the encoder back. A second call does nothing.
func (b *compressedBody) Close() error {
	if b.encoder == nil {
		return nil
	}
	err := b.file.Close()
	b.encoder.release()
	b.encoder = nil
	return err
}

// SupportsBodyWriteTo lets fasthttp use WriteTo for a chunked body, which else
// it reads in pieces of 4 KiB. See fasthttp.BodyWriterTo.
func (b *compressedBody) SupportsBodyWriteTo() bool { return true }

// WriteTo sends the file, a chunk with each write.
func (b *compressedBody) WriteTo(w io.Writer) (int64, error) {
	before := b.sent
	for {
		if err := b.fill(); err != nil {
			if err == io.EOF { //nolint:errorlint // fill gives it bare
				err = nil
			}
			return b.sent - before, err
		}
		n, err := b.encoder.out.WriteTo(w)
		b.sent += n
		if err != nil {
			b.err = err
			return b.sent - before, err
		}
	}
}

// Read is for those that cannot be written to.
func (b *compressedBody) Read(p []byte) (int, error) {
	if err := b.fill(); err != nil {
		return 0, err
	}
	n, err := b.encoder.out.Read(p)
	b.sent += int64(n)
	return n, err
}

// fill makes sure that there are compressed bytes to be taken, or says io.EOF.
func (b *compressedBody) fill() error {
	switch {
	case b.err != nil:
		return b.err
	case b.encoder == nil:
		return os.ErrClosed
	case b.encoder.out.Len() > 0:
		return nil
	}
	for !b.ended && b.encoder.out.Len() < pieceLength {
		if b.err = b.step(); b.err != nil {
			return b.err
		}
	}
	if b.encoder.out.Len() == 0 {
		return io.EOF
	}
	return nil
}

// step compresses a piece of the file, or ends the compressed stream.
func (b *compressedBody) step() error {
	if b.left == 0 {
		switch _, err := io.ReadFull(b.file, b.encoder.piece[:1]); err {
		case io.EOF:
			b.ended = true
			return b.encoder.writer.Close()
		case nil:
			return fmt.Errorf("%s has more than the %d bytes it had when it was opened: %w", b.name(), b.size, io.ErrUnexpectedEOF)
		default:
			return err
		}
	}
	piece := b.encoder.piece[:min(b.left, pieceLength)]
	n, err := io.ReadFull(b.file, piece)
	b.left -= int64(n)
	switch err {
	case nil:
		_, err = b.encoder.writer.Write(piece)
		return err
	case io.EOF, io.ErrUnexpectedEOF: //nolint:errorlint // bare from ReadFull; one that wraps it is the file's own
		return fmt.Errorf("%s has %d bytes less than when it was opened: %w", b.name(), b.left, io.ErrUnexpectedEOF)
	default:
		return err
	}
}

// name is the file's, if it says so.
func (b *compressedBody) name() string {
	if file, ok := b.file.(interface{ Name() string }); ok {
		return file.Name()
	}
	return "file"
}
