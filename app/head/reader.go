package head

import (
	"errors"
	"io"
)

// Reader passes on the requests that come from src, byte by byte as they came,
// but a head only once it is whole and in order, and of a content in the
// chunked coding only what frames it without doubt. It never reads past the
// end of a request into the same p: until Read is called for the first byte of
// the next request, Head is that of the last one.
//
// While it waits for a request it holds no buffer. It is for one goroutine.
type Reader struct {
	src   io.Reader
	limit int // of a head

	head    Head // the one that is judged or was passed on last
	trailer Head
	phase   phase
	left    int64   // of content, or of a chunk
	content content // what is known of it
	extra   int     // bytes of chunk extensions so far
	err     error   // what every Read returns from here on

	// held[from:judged] may be passed on, held[judged:to] is still to be judged.
	held             *[]byte // nil while from, judged and to are 0
	from, judged, to int
}

// phase is what the next byte to be judged belongs to.
type phase uint8

const (
	atRest    phase = iota // no byte of the next head has come
	inHead                 // some have
	inContent              // of a known length
	inChunkLine
	inChunk
	inChunkEnd
	inTrailer
)

// NewReader returns a Reader of src, from which read was already read; it is
// copied. limit is how many bytes a head may have, DefaultLimit if it is 0.
func NewReader(src io.Reader, read []byte, limit int) *Reader {
	r := &Reader{}
	r.init(src, read, limit)
	return r
}

func (r *Reader) init(src io.Reader, read []byte, limit int) {
	if limit == 0 {
		limit = DefaultLimit
	}
	r.src, r.limit = src, limit
	r.hold(read)
}

// Head is the judgement of the request of which bytes were passed on last.
func (r *Reader) Head() *Head { return &r.head }

// Resting is whether all that was read is passed on, and is whole requests, of
// which the last one persists: the next byte begins a request.
func (r *Reader) Resting() bool {
	return r.phase == atRest && r.held == nil && r.err == nil && !r.last()
}

// last is whether no request may follow the one whose head this is.
func (r *Reader) last() bool { return r.head.Length > 0 && !r.head.Persist }

// Unread is what was read and not passed on. It is valid until the next Read.
func (r *Reader) Unread() []byte {
	if r.held == nil {
		return nil
	}
	return (*r.held)[r.from:r.to]
}

// Refused is why a request was refused, nil if none was.
func (r *Reader) Refused() *Refusal {
	var refusal *Refusal
	errors.As(r.err, &refusal)
	return refusal
}

// Read passes on bytes that were judged. Its error is a *Refusal when they are
// not in order or end within a request, and io.EOF after a request that does
// not persist; these stay. Between requests it is the error of the source,
// which may be read again.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		switch {
		case r.from < r.judged:
			return r.pass(p), nil
		case r.err != nil:
			r.release()
			return 0, r.err
		case r.phase == atRest && r.last():
			r.err = io.EOF
		case r.phase == atRest && r.held == nil:
			if n, err := r.begin(p); n > 0 || err != nil {
				return n, err
			}
		case r.held == nil && r.inData():
			return r.direct(p)
		case !r.judge() && r.err == nil:
			r.fill()
		}
	}
}

// begin waits for a request, and judges its head where it came to lie: in p.
// In the ordinary case that is all, and nothing is copied.
func (r *Reader) begin(p []byte) (int, error) {
	n, err := r.src.Read(p[:min(len(p), r.limit)])
	if n == 0 {
		return 0, err
	}
	r.next()
	if r.head.Judge(p[:n], r.limit) != Complete {
		r.hold(p[:n])
		return 0, nil
	}
	r.hold(p[r.head.Length:n])
	r.startContent(p[:r.head.Length])
	return r.head.Length, nil
}

// next begins with a new head.
func (r *Reader) next() { r.head, r.phase = Head{}, inHead }

// direct reads content to where it belongs.
func (r *Reader) direct(p []byte) (int, error) {
	n, err := r.src.Read(p[:min(int64(len(p)), r.left)])
	r.took(int64(n))
	if n == 0 && err != nil {
		r.fail(err)
	}
	return n, r.err
}

// inData is whether what comes next is passed on unexamined.
func (r *Reader) inData() bool { return r.phase == inContent || r.phase == inChunk }

// took says that n more bytes of content were judged.
func (r *Reader) took(n int64) {
	r.left -= n
	r.content.received += n
	switch {
	case r.left > 0:
	case r.phase == inContent:
		r.phase = atRest
	case r.phase == inChunk:
		r.phase = inChunkEnd
	}
}

// judge goes on with what is held, and reports whether it got any further.
func (r *Reader) judge() bool {
	if r.held == nil || r.judged == r.to {
		return false
	}
	ahead := (*r.held)[r.judged:r.to]
	switch r.phase {
	case atRest:
		r.next()
		return true
	case inHead:
		switch r.head.Judge(ahead, r.limit) {
		case Complete:
			r.judged += r.head.Length
			r.startContent(ahead)
			return true
		case Refused:
			r.err = r.head.Refusal(ahead)
		}
		return false
	case inContent, inChunk:
		n := min(int64(len(ahead)), r.left)
		r.judged += int(n)
		r.took(n)
		return true
	}
	return r.judgeChunked(ahead)
}

// startContent expects what the head, which buf begins with, announced.
func (r *Reader) startContent(buf []byte) {
	switch r.left, r.extra = r.head.Body, 0; {
	case r.left == Chunked:
		r.phase = inChunkLine
	case r.left > 0:
		r.phase = inContent
	default:
		r.phase = atRest
		return
	}
	r.content.begin(&r.head, buf)
}

// judgeChunked judges what frames the content.
func (r *Reader) judgeChunked(ahead []byte) bool {
	var n int
	var state State
	var reason string
	status := 400
	next := inChunkLine
	switch r.phase {
	case inChunkLine:
		r.left, n, state, reason = chunkLine(ahead)
		if r.extra += max(0, n-maxSizeDigits-2); r.extra > maxExtensions {
			state, reason = Refused, "the chunk extensions are too long"
		}
		if next = inChunk; r.left == 0 {
			next, r.trailer = inTrailer, Head{begun: true, trailer: true}
		}
	case inChunkEnd:
		n, state, reason = 2, lineEnd(ahead), "a chunk is longer than it says"
	case inTrailer:
		state = r.trailer.Judge(ahead, maxTrailer)
		n, status, reason = r.trailer.Length, r.trailer.Status, r.trailer.Reason
		next = atRest
	}
	switch state {
	case Complete:
		r.judged += n
		r.phase = next
	case Refused:
		r.err = r.content.refusal(status, reason, nil)
	}
	return state == Complete
}

// fail notes what ended the source.
func (r *Reader) fail(err error) {
	r.err = err
	switch r.phase {
	case atRest:
	case inHead:
		if refusal := r.head.Ended(r.Unread(), err); refusal != nil {
			r.err = refusal
		}
	default:
		r.err = r.content.ended(err)
	}
}

// pass passes on what was judged.
func (r *Reader) pass(p []byte) int {
	n := copy(p, (*r.held)[r.from:r.judged])
	r.from += n
	if r.from == r.to {
		r.release()
	}
	return n
}
