package logger

import (
	"errors"
	"os"

	"github.com/valyala/fasthttp"
)

// ruled is an error that a limit is the cause of.
type ruled interface {
	error
	Rule() string
}

// noteRule records the limit that refused the request: the user value RuleKey, or that of
// the error that a handler or the server met.
func (v *visit) noteRule() {
	if v.record.Status < fasthttp.StatusBadRequest { // to look for it takes longer
		return
	}
	if rule := v.local(RuleKey); rule != "" {
		v.record.refusedBy = rule
	}
}

// noteCause records the limit that is the cause of what a handler or the server met.
func (r *record) noteCause(err error) {
	if rule := ruleOf(err); rule != "" {
		r.refusedBy = rule
	}
}

// ruleOf is the limit that is the cause of an error; "" if none is. Limits are the reason
// of timeouts and of nothing else, and that is the quicker question.
func ruleOf(err error) string {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	var cause ruled
	if !errors.As(err, &cause) {
		return ""
	}
	return cause.Rule()
}
