package head

import "fmt"

// maxRecorded is how many bytes of a refused target are kept.
const maxRecorded = 4 << 10

// Refusal is why a request was refused. It is the error of a [Reader], and of
// a [Conn] towards fasthttp, which wraps it for Server.ErrorHandler. The
// connection has to be closed after the answer.
type Refusal struct {
	Status int    // to answer with
	Reason string // for the log; quotes nothing from the client
	// Method and Target are what the client sent, as far as it could be read;
	// of a target at most 4 KiB. They may have any octet but line ends.
	Method, Target string
	// InBody is whether the head was in order and the framing of the content
	// is not: then whoever reads the content answers.
	InBody bool
	// Err is what ended reading a head that is not whole; nil if it was refused
	// for what it says.
	Err error
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("refused with %d: %s", r.Status, r.Reason)
}

func (r *Refusal) Unwrap() error { return r.Err }

// refusal is h's, whose bytes are in buf.
func (h *Head) refusal(buf []byte) *Refusal {
	target := h.Target(buf)
	return &Refusal{
		Status: h.Status,
		Reason: h.Reason,
		Method: string(h.Method(buf)),
		Target: string(target[:min(len(target), maxRecorded)]),
	}
}
