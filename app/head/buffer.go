package head

import "sync"

// Most heads fit a small buffer; a large one is for what has grown beyond it.
const smallSize = 4 << 10

var (
	small = sync.Pool{New: func() any { b := make([]byte, smallSize); return &b }}
	large = sync.Pool{New: func() any { b := make([]byte, DefaultLimit); return &b }}
)

func recycle(held *[]byte) {
	switch len(*held) {
	case smallSize:
		small.Put(held)
	case DefaultLimit:
		large.Put(held)
	}
}

// fill reads more of what has to be judged before it is passed on.
func (r *Reader) fill() {
	if r.held == nil {
		r.held = small.Get().(*[]byte)
	}
	if r.from > 0 {
		copy(*r.held, (*r.held)[r.from:r.to])
		r.from, r.judged, r.to = 0, r.judged-r.from, r.to-r.from
	}
	if r.to == len(*r.held) {
		r.grow(2 * r.to)
	}
	n, err := r.src.Read((*r.held)[r.to:])
	r.to += n
	if n == 0 && err != nil {
		r.fail(err)
	}
}

// hold keeps a copy of b to be judged; nothing else is held.
func (r *Reader) hold(b []byte) {
	if len(b) == 0 {
		return
	}
	r.held = small.Get().(*[]byte)
	if len(b) > len(*r.held) {
		r.grow(len(b))
	}
	r.to = copy(*r.held, b)
}

// grow makes room for n bytes.
func (r *Reader) grow(n int) {
	before := r.held
	if n > DefaultLimit {
		held := make([]byte, n) // the owner's limit is above ours, or what it had read
		r.held = &held
	} else {
		r.held = large.Get().(*[]byte)
	}
	copy(*r.held, (*before)[r.from:r.to])
	recycle(before)
}

// release returns the buffer to its pool.
func (r *Reader) release() {
	if r.held != nil {
		recycle(r.held)
		r.held, r.from, r.judged, r.to = nil, 0, 0, 0
	}
}
