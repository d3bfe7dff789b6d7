//go:build linux

package process

// This file watches a parent with a child that works, which is what nginx is.

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTreeCountsTheChildrensWork(t *testing.T) {
	// The child works until it has used a good deal more than the parent ever does.
	const script = "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done >&2; exec sleep 60' & echo listening http://x >&2; wait"
	server, err := Launch(t.Context(), Command{Path: "/bin/sh", Args: []string{"-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	tree := NewTree(server.Process)
	for deadline := time.Now().Add(time.Minute); server.LastWords() != "done" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	sum, err := tree.CPU()
	if err != nil {
		t.Fatal(err)
	}
	alone, err := server.Sample()
	if err != nil {
		t.Fatal(err)
	}
	if sum < 2*alone.CPU || sum < 20*time.Millisecond {
		t.Errorf("the tree used %v, its root alone %v: the child's work is missing", sum, alone.CPU)
	}
	memory, err := tree.Memory()
	if err != nil {
		t.Fatal(err)
	}
	if memory.Processes != 2 || memory.RSS <= alone.RSS || memory.Anon <= alone.Anon || memory.PSS <= 0 || memory.PSS > memory.RSS || memory.Threads != 2 {
		t.Errorf("%+v is not a parent and a child, the parent being %+v", memory, alone)
	}
	server.Stop() // the shell ends, its child stays
	for _, child := range tree.seen {
		if _, err := child.Sample(); err != nil {
			t.Fatalf("the child ended with its parent, so that nothing is left to reap: %v", err)
		}
	}
	tree.Reap()
	for _, child := range tree.seen {
		if _, err := child.Sample(); !errors.Is(err, ErrGone) {
			t.Errorf("child %d after Reap: %v, want %v", child.PID, err, ErrGone)
		}
	}
	if _, err := tree.CPU(); !errors.Is(err, ErrGone) {
		t.Errorf("CPU of an ended tree: %v, want %v", err, ErrGone)
	}
	if _, err := tree.Memory(); !errors.Is(err, ErrGone) {
		t.Errorf("memory of an ended tree: %v, want %v", err, ErrGone)
	}
}

func TestTreeKeepsTheTimeOfChildrenThatEnded(t *testing.T) {
	const script = "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo listening http://x >&2; exec sleep 60"
	server, err := Launch(t.Context(), Command{Path: "/bin/sh", Args: []string{"-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	sum, err := NewTree(server.Process).CPU()
	if err != nil {
		t.Fatal(err)
	}
	if alone, err := server.Sample(); err != nil || sum < alone.CPU+20*time.Millisecond {
		t.Errorf("the tree used %v, its root alone %v: the ended child's work is missing (%v)", sum, alone.CPU, err)
	}
}

func TestSpawnDoesNotWait(t *testing.T) {
	server, err := Spawn(Command{
		Path: "/bin/sh", Args: []string{"-c", "echo $FULLBORE_SPAWN $PWD >&2; exec sleep 60"},
		Env: []string{"FULLBORE_SPAWN=here"}, Dir: "/",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	for deadline := time.Now().Add(time.Minute); server.LastWords() == "" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := server.LastWords(); got != "here /" {
		t.Errorf("environment and folder %q, want %q", got, "here /")
	}
}

func TestSpawnSaysWhyAServerDidNotStart(t *testing.T) {
	if _, err := Spawn(Command{Path: "/nonexistent"}); err == nil || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("error %v, want one that names the program", err)
	}
}
