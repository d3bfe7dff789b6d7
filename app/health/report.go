package health

// perfect is the best score.
const perfect = 100

// Part is one thing that can be well or not.
type Part struct {
	Name   string `json:"name"`
	Score  int    `json:"score"`  // 0 does not work, to 100 is well
	Reason string `json:"reason"` // why it is below 100; "" if it is not
}

// Report is the whole: as bad as its worst part. Its JSON is what /health gives
// to programs, and stable.
type Report struct {
	Score   int      `json:"score"` // 0..100, the lowest of the parts
	State   string   `json:"state"` // the score in a word
	Reasons []string `json:"reasons"`
	Parts   []Part   `json:"parts"`
}

// The states of a Report.
const (
	OK       = "ok"       // 80..100
	Degraded = "degraded" // 40..79
	Critical = "critical" // 1..39
	Failed   = "failed"   // 0
)

func stateOf(score int) string {
	switch {
	case score >= 80:
		return OK
	case score >= 40:
		return Degraded
	case score > 0:
		return Critical
	default:
		return Failed
	}
}

// Sum makes a Report of parts; of none, it is perfect. Scores outside of 0..100
// are brought to the nearer end.
func Sum(parts ...Part) Report {
	r := Report{Score: perfect, Parts: append([]Part{}, parts...), Reasons: []string{}} // JSON has [], not null
	for i := range r.Parts {
		p := &r.Parts[i]
		p.Score = min(max(p.Score, 0), perfect)
		r.Score = min(r.Score, p.Score)
		if p.Reason != "" {
			r.Reasons = append(r.Reasons, p.Name+": "+p.Reason)
		}
	}
	r.State = stateOf(r.Score)
	return r
}
