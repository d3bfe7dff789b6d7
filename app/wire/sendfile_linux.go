package wire

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sendfileChunk bounds one sendfile call. The kernel would take up to 2 GiB at
// a time from a fast reader, and no byte would be counted for so long.
const sendfileChunk = 4 << 20

// sendfile sends file from its position on, up to *limit bytes (nil: to its
// end), and lowers *limit by what the kernel took. handled is false when the
// kernel cannot do it for this file; nothing was sent then. See sendfile(2).
//
// The loop is ours, not net.TCPConn's, for two reasons: each call is counted
// as it returns, so that a transfer can be watched; and when a deadline
// passes, what was sent is known exactly and the transfer can go on.
func (s *sender) sendfile(file syscall.Conn, limit *int64) (sent int64, handled bool, err error) {
	dst, err := s.sock.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	src, err := file.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	job := sendfileJob{out: s, limit: limit}
	send := func(fd uintptr) bool { return job.step(int(fd)) }
	s.patience.begin(s.sock, s.written.Load())
	for {
		// Control keeps the file's descriptor open for as long as it is used.
		errSrc := src.Control(func(fd uintptr) {
			job.src = int(fd)
			err = dst.Write(send)
		})
		if errSrc != nil {
			return job.sent, true, errSrc
		}
		if err == nil && !job.held {
			break
		}
		if job.held {
			job.held = false
			s.waitForAllowance()
			s.patience.begin(s.sock, s.written.Load()) // a peer that is held back is not one that takes nothing
			continue
		}
		if err = s.patience.judge(s.sock, s.written.Load(), err); err != errCarryOn { //nolint:errorlint // a private mark, never wrapped
			return job.sent, true, err
		}
	}
	switch {
	case job.err == nil:
		return job.sent, true, nil
	case job.sent == 0 && unsupported(job.err):
		return 0, false, nil
	}
	return job.sent, true, os.NewSyscallError("sendfile", job.err)
}

// waitForAllowance waits until more may be sent, or there is something else to look at.
func (s *sender) waitForAllowance() {
	if a := s.pacing.Allowance(); a != nil {
		a.Wait()
	}
}

// unsupported reports whether the kernel refuses sendfile for this file, as
// for some virtual file systems. See sendfile(2), ERRORS.
func unsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP)
}

// sendfileJob is the state of one ReadFrom between wake-ups of the poller.
type sendfileJob struct {
	out   *sender
	src   int
	limit *int64
	sent  int64
	err   error
	held  bool // no more may be sent now
}

// step sends until the socket is full (false: wait and call again), the file
// or the limit ends, the allowance does, or an error, which is left in err (true).
func (j *sendfileJob) step(dst int) bool {
	for {
		chunk := int64(sendfileChunk)
		if j.limit != nil {
			chunk = min(chunk, *j.limit)
		}
		if chunk <= 0 {
			return true
		}
		if j.out.cut.done() {
			j.err = net.ErrClosed
			return true
		}
		allowance := j.out.pacing.Allowance()
		j.out.backlog.Hold(dst, allowance)
		j.out.backlog.Before(dst, chunk)
		if allowance != nil {
			if chunk = allowance.Take(chunk); chunk == 0 {
				j.held = true
				return true
			}
		}
		n, err := unix.Sendfile(dst, j.src, nil, int(chunk))
		if allowance != nil {
			allowance.Return(chunk - int64(max(n, 0)))
		}
		switch {
		case n > 0:
			j.sent += int64(n)
			j.out.backlog.After(dst, j.out.written.Add(int64(n)))
			if j.limit != nil {
				*j.limit -= int64(n)
			}
		case err == syscall.EAGAIN: //nolint:errorlint // a bare errno, as the system call gave it
			return false
		case err == syscall.EINTR: //nolint:errorlint // likewise
		default: // the end of the file, or an error
			j.err = err
			return true
		}
	}
}
