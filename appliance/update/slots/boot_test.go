package slots

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// first is the boot partition of a new image.
func first(t *testing.T, board Board) (Dir, Boot) {
	t.Helper()
	dir := Dir(t.TempDir())
	initial, err := Initial(board, guid, "0.4.0", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range initial {
		if err := dir.Create(name, data); err != nil {
			t.Fatal(err)
		}
	}
	boot, err := Open(board, dir, guid)
	if err != nil {
		t.Fatal(err)
	}
	return dir, boot
}

func stateOf(t *testing.T, boot Boot) State {
	t.Helper()
	s, err := boot.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bootOnce is what the loader does at a start: which slot, and the counting.
func bootOnce(t *testing.T, board Board, dir Dir, boot Boot, argument string) Slot {
	t.Helper()
	s := stateOf(t, boot)
	if board == RPi {
		file := configFile
		if argument == "0 tryboot" {
			file = trybootFile
		}
		text, err := dir.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		f, ok := parsePi(string(text))
		if !ok {
			t.Fatalf("%s is torn: %q", file, text)
		}
		return f.starts
	}
	e := s.Entries[0]
	if e.Counted && e.Tries > 0 {
		counted := e
		counted.Tries--
		counted.Tried++
		if err := dir.Rename(entriesDir+"/"+e.File, entriesDir+"/"+counted.name()); err != nil {
			t.Fatal(err)
		}
	}
	return e.Slot
}

func boards(t *testing.T, run func(t *testing.T, board Board)) {
	for _, board := range []Board{AMD64, RPi} {
		t.Run(string(board), func(t *testing.T) { run(t, board) })
	}
}

func TestNewImageStartsA(t *testing.T) {
	boards(t, func(t *testing.T, board Board) {
		dir, boot := first(t, board)
		for _, argument := range []string{"", "0 tryboot"} {
			if s := bootOnce(t, board, dir, boot, argument); s != A {
				t.Errorf("starts %q with %q", s, argument)
			}
		}
		s := stateOf(t, boot)
		if s.Next != A || s.Trial != "" || len(s.Bad) != 0 || s.OnTrial(A) || s.OnTrial(B) || !s.Committed(A) {
			t.Errorf("%+v", s)
		}
		if e, _ := s.Entry(A); e.Version != "0.4.0" || !strings.Contains(e.Options, "stairgate.slot=a") {
			t.Errorf("%+v", e)
		}
	})
}

func TestFourUpdatesInARow(t *testing.T) {
	boards(t, func(t *testing.T, board Board) {
		dir, boot := first(t, board)
		running := A
		for i, version := range []string{"0.5.0", "0.6.0", "0.7.0", "0.8.0"} {
			next := running.Other()
			do(t, boot.Drop(next))
			if s := bootOnce(t, board, dir, boot, RebootArgument(board)); s != running {
				t.Fatalf("update %d: with slot %s half written, %s starts", i, next, s)
			}
			do(t, boot.Arm(next, version, ""))
			if s := stateOf(t, boot); s.Trial != next || !s.OnTrial(next) || s.OnTrial(running) {
				t.Fatalf("update %d armed: %+v", i, s)
			}
			if s := bootOnce(t, board, dir, boot, RebootArgument(board)); s != next {
				t.Fatalf("update %d: %s starts", i, s)
			}
			if s := stateOf(t, boot); !s.OnTrial(next) {
				t.Fatalf("update %d on trial: %+v", i, s)
			}
			do(t, boot.Commit(next))
			do(t, boot.Commit(next)) // twice is once
			s := stateOf(t, boot)
			if s.Next != next || s.Trial != "" || s.OnTrial(next) || !s.Committed(running) {
				t.Fatalf("update %d committed: %+v", i, s)
			}
			if e, _ := s.Entry(next); e.Version != version {
				t.Fatalf("update %d: %+v", i, e)
			}
			for range 5 {
				if s := bootOnce(t, board, dir, boot, ""); s != next {
					t.Fatalf("update %d: later %s starts", i, s)
				}
			}
			running = next
		}
	})
}

func TestWithoutCommitTheOldOneReturns(t *testing.T) {
	boards(t, func(t *testing.T, board Board) {
		dir, boot := first(t, board)
		do(t, boot.Arm(B, "0.5.0", ""))
		starts := []Slot{
			bootOnce(t, board, dir, boot, RebootArgument(board)),
			bootOnce(t, board, dir, boot, ""), bootOnce(t, board, dir, boot, ""), bootOnce(t, board, dir, boot, ""),
		}
		want := []Slot{B, B, A, A} // two tries
		if board == RPi {
			want = []Slot{B, A, A, A} // one
		}
		if !slices.Equal(starts, want) {
			t.Errorf("starts %v, want %v", starts, want)
		}
	})
}

func TestLastTryIsStillATrial(t *testing.T) {
	dir, boot := first(t, AMD64)
	do(t, boot.Arm(B, "0.5.0", ""))
	bootOnce(t, AMD64, dir, boot, "")
	bootOnce(t, AMD64, dir, boot, "")
	if s := stateOf(t, boot); !s.OnTrial(B) || !slices.Equal(s.Bad, []Slot{B}) {
		t.Fatalf("%+v", s)
	}
	do(t, boot.Commit(B))
	if s := stateOf(t, boot); s.OnTrial(B) || s.Next != B || len(s.Bad) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestMarkedBadIsNotTriedAgain(t *testing.T) {
	boards(t, func(t *testing.T, board Board) {
		dir, boot := first(t, board)
		do(t, boot.Arm(B, "0.5.0", ""))
		bootOnce(t, board, dir, boot, RebootArgument(board))
		do(t, boot.MarkBad(B))
		do(t, boot.MarkBad(B))
		for _, argument := range []string{"", RebootArgument(board)} {
			if s := bootOnce(t, board, dir, boot, argument); s != A {
				t.Errorf("starts %s", s)
			}
		}
		s := stateOf(t, boot)
		if !slices.Equal(s.Bad, []Slot{B}) || s.Trial != "" {
			t.Errorf("%+v", s)
		}
		if e, _ := s.Entry(B); e.Version != "0.5.0" {
			t.Errorf("which version was bad is forgotten: %+v", e)
		}
		do(t, boot.Drop(B))
		do(t, boot.Arm(B, "0.5.1", ""))
		if s := bootOnce(t, board, dir, boot, RebootArgument(board)); s != B {
			t.Errorf("after a bad one %s starts", s)
		}
	})
}

// The firmware reads a slot's overlays only beside the mark.
func TestOverlayMarkComesBack(t *testing.T) {
	dir, boot := first(t, RPi)
	for range 2 {
		do(t, boot.Drop(B))
		do(t, os.RemoveAll(filepath.Join(string(dir), "b")))
		do(t, boot.Arm(B, "0.5.0", ""))
		if text, err := dir.Read("b/overlays/README"); err != nil || len(text) == 0 {
			t.Fatalf("%q, %v", text, err)
		}
		do(t, boot.Arm(B, "0.5.0", ""))
	}
}

func TestOneSlotAlwaysStays(t *testing.T) {
	boards(t, func(t *testing.T, board Board) {
		_, boot := first(t, board)
		for doing, err := range map[string]error{
			"drop": boot.Drop(A), "arm": boot.Arm(A, "0.5.0", ""), "give up": boot.MarkBad(A),
			"no slot": boot.Drop("c"), "commit nothing": boot.Commit(B), "give up nothing": boot.MarkBad(B),
		} {
			if err == nil {
				t.Errorf("%s: done", doing)
			}
		}
		if s := stateOf(t, boot); s.Next != A || !s.Committed(A) {
			t.Errorf("%+v", s)
		}
	})
}

// cut is a boot partition whose power goes at operation number left. A file
// being created is then there by half, a rename has both names.
type cut struct {
	Dir
	left int
}

var errCut = errors.New("the power is cut")

func (c *cut) now() bool { c.left--; return c.left < 0 }

func (c *cut) Create(name string, data []byte) error {
	if c.now() {
		return errors.Join(errCut, c.Dir.Create(name, data[:len(data)/2]))
	}
	return c.Dir.Create(name, data)
}

func (c *cut) Rename(from, to string) error {
	if !c.now() {
		return c.Dir.Rename(from, to)
	}
	data, err := c.Read(from)
	if err == nil {
		err = os.WriteFile(filepath.Join(string(c.Dir), to), data, 0o600)
	}
	return errors.Join(errCut, err)
}

func (c *cut) Remove(name string) error {
	if c.now() {
		return errCut
	}
	return c.Dir.Remove(name)
}

// The power goes after every single operation of an update, and again at every
// operation of the repair: there is always a slot that starts and is whole.
func TestPowerCutAtEveryOperation(t *testing.T) {
	steps := func(boot Boot) error {
		for _, step := range []func() error{
			func() error { return boot.Drop(B) },
			func() error { return boot.Arm(B, "0.5.0", "quiet") },
			func() error { return boot.Commit(B) },
			func() error { return boot.Drop(A) },
			func() error { return boot.Arm(A, "0.6.0", "") },
			func() error { return boot.MarkBad(A) },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	}
	boards(t, func(t *testing.T, board Board) {
		for left := 0; ; left++ {
			dir, boot := first(t, board)
			faulty := &cut{Dir: dir, left: left}
			cutBoot, err := Open(board, faulty, guid)
			if err != nil {
				t.Fatal(err)
			}
			err = steps(cutBoot)
			if err == nil {
				if left < 7 {
					t.Fatalf("only %d operations: the test cuts nothing", left)
				}
				return
			}
			if !errors.Is(err, errCut) {
				t.Fatalf("cut at %d: %v", left, err)
			}
			s := stateOf(t, boot)
			if s.Next == "" || !slices.ContainsFunc(s.Entries, func(e Entry) bool { return !e.Counted }) {
				t.Fatalf("cut at %d: nothing starts: %+v", left, s)
			}
			// The next update is not in the way of what was left over.
			running := bootOnce(t, board, dir, boot, "")
			if s.OnTrial(running) {
				do(t, boot.Commit(running))
			}
			do(t, boot.Drop(running.Other()))
			s = stateOf(t, boot)
			if _, still := s.Entry(running.Other()); still || s.Next != running {
				t.Fatalf("cut at %d: after clearing %s: %+v", left, running.Other(), s)
			}
			do(t, boot.Arm(running.Other(), "0.7.0", ""))
			if s := bootOnce(t, board, dir, boot, RebootArgument(board)); s != running.Other() {
				t.Fatalf("cut at %d: %s starts", left, s)
			}
		}
	})
}

func TestUnreadablePartitionIsNoTrial(t *testing.T) {
	boot, err := Open(AMD64, Dir(t.TempDir()), guid)
	if err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, boot); s.OnTrial(A) || s.Next != "" {
		t.Errorf("%+v", s)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
