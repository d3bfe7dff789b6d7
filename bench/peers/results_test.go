//go:build linux

package peers

// This file computes and writes the kept comparison once more, from the rounds
// stored in it. It exists so that table, chart and numbers cannot come to differ.

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

func TestKeptReportIsThatOfItsRounds(t *testing.T) {
	const folder = "../results/peers/"
	text, err := os.ReadFile(folder + "result.json")
	if err != nil {
		t.Fatal(err)
	}
	var result Result
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	for _, comparison := range result.Comparisons {
		stored := map[string]map[string]Summary{}
		for _, series := range comparison.Peers {
			stored[series.Peer] = series.Summary
		}
		comparison.summarize()
		for _, series := range comparison.Peers {
			if (len(series.Summary) > 0 || len(stored[series.Peer]) > 0) && !reflect.DeepEqual(series.Summary, stored[series.Peer]) {
				t.Errorf("%s, %s: %v, the rounds give %v", comparison.Workload, series.Peer, stored[series.Peer], series.Summary)
			}
		}
	}
	var want bytes.Buffer
	if err := writeMarkdown(&want, &result); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(folder + "report.md"); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("report.md is not what result.json gives: %v", err)
	}
}
