package health

// perfect is the best score.
const perfect = 100

// Part is the health of one part of the server.
type Part struct {
	Name   string `json:"name"`
	Score  int    `json:"score"`  // from 0, does not work, to 100
	Reason string `json:"reason"` // why it is below 100; "" if it is 100
}

// Report is the health of the whole server: as bad as its worst part. Its JSON is that
// of /health, and stable.
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

// Sum makes a Report of parts; without any it is perfect. Scores are clamped to 0..100.
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
