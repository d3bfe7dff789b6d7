package static

// Compression on the fly is for text of moderate size; large or compressed files are
// better sent by the kernel. Its cost is bounded: the number of encoders in use is
// limited, and nobody waits for one.

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

// Sizes in bytes of files worth compressing. Less would fit into the packets that are
// sent anyway; more is likely to be requested in ranges, and takes long.
const (
	minCompressed = 1 << 10
	maxCompressed = 10 << 20
)

// maxEncoders is how many encoders may be in use at once. Two per processor keep it
// busy while one waits for its client. A slow client holds its encoder's 1 MiB or so
// for as long as it likes, hence the upper bound.
var maxEncoders = int32(min(max(2*runtime.GOMAXPROCS(0), 4), 32))

// encodersInUse counts those between acquireEncoder and release.
var encodersInUse atomic.Int32

// encodersFree are the idle ones, by coding.
var encodersFree [accept.NumCodings]sync.Pool

// encodable are the codings of acquireEncoder.
var encodable = accept.Codings(0).With(accept.Gzip).With(accept.Zstd)

// pieceLength is how many bytes are read at a time, and how many compressed bytes
// make a chunk.
const pieceLength = 32 << 10

// encoder is a compressor with the buffers on both sides.
type encoder struct {
	coding accept.Coding
	writer interface { // to out
		io.WriteCloser
		Reset(w io.Writer)
	}
	piece []byte
	out   bytes.Buffer
}

// acquireEncoder returns an encoder for one body, to be released. It returns false if
// too many are in use or the coding is not encodable: then the file goes out as is.
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
	e.writer.Reset(&e.out) // whatever state it was left in
	return e, true
}

// newEncoder returns an encoder for an encodable coding, with settings that save
// memory; see BenchmarkCompress.
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

func (e *encoder) release() {
	encodersFree[e.coding].Put(e)
	encodersInUse.Add(-1)
}

// compressedBody is the body stream of a file that is compressed on the fly. Its
// length is not known in advance, so it is sent in chunks (RFC 9112 section 7.1),
// which HTTP/1.0 does not have. If it fails, the last chunk is missing and the client
// knows. It is not safe for concurrent use.
type compressedBody struct {
	encoder *encoder // nil when closed
	file    io.ReadCloser
	left    int64 // bytes of the file still to be read
	ended   bool  // the encoder is flushed
	size    int64
	sent    int64
	err     error
}

// newCompressedBody takes over the encoder and the file, which must have size bytes
// left, neither more nor less; Close releases both.
func newCompressedBody(file io.ReadCloser, size int64, e *encoder) *compressedBody {
	return &compressedBody{encoder: e, file: file, left: size, size: size}
}

// BytesSent is the number of compressed bytes that the writer took. A chunk that it
// took in part, which ends the response, does not count.
func (b *compressedBody) BytesSent() int64 { return b.sent }

// Size is the uncompressed size of the file in bytes when it was opened.
func (b *compressedBody) Size() int64 { return b.size }

// Err is what ended the body early, nil if nothing did. It wraps io.ErrUnexpectedEOF
// if the file's size changed since it was opened.
func (b *compressedBody) Err() error { return b.err }

// Close closes the file and releases the encoder. A second call does nothing.
func (b *compressedBody) Close() error {
	if b.encoder == nil {
		return nil
	}
	err := b.file.Close()
	b.encoder.release()
	b.encoder = nil
	return err
}

// SupportsBodyWriteTo lets fasthttp use WriteTo for a chunked body instead of reading
// 4 KiB at a time. See fasthttp.BodyWriterTo.
func (b *compressedBody) SupportsBodyWriteTo() bool { return true }

// WriteTo sends the file, one chunk per write.
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

// Read is for those who do not use WriteTo.
func (b *compressedBody) Read(p []byte) (int, error) {
	if err := b.fill(); err != nil {
		return 0, err
	}
	n, err := b.encoder.out.Read(p)
	b.sent += int64(n)
	return n, err
}

// fill makes compressed bytes available, or returns io.EOF.
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

func (b *compressedBody) name() string {
	if file, ok := b.file.(interface{ Name() string }); ok {
		return file.Name()
	}
	return "file"
}
