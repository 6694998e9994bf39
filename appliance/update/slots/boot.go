package slots

import (
	"fmt"
	"slices"
)

// State is what the boot partition says.
type State struct {
	Entries []Entry // in the order the loader prefers them
	Next    Slot    // what an ordinary start brings up; "" when nothing can start
	Trial   Slot    // armed and neither committed nor bad; "" when there is none
	Bad     []Slot  // tried in vain
}

// Committed tells whether the slot has proved itself.
func (s State) Committed(slot Slot) bool {
	return slices.ContainsFunc(s.Entries, func(e Entry) bool { return e.Slot == slot && !e.Counted })
}

// OnTrial tells whether the running slot still has to prove itself. A slot the
// boot partition says nothing about is not on trial: a damaged partition must
// not send a working system into a reboot.
func (s State) OnTrial(running Slot) bool {
	_, found := s.Entry(running)
	return found && !s.Committed(running)
}

// Entry is the slot's entry, the committed one where there are several.
func (s State) Entry(slot Slot) (Entry, bool) {
	var best Entry
	for _, e := range s.Entries {
		if e.Slot == slot && (best.File == "" || !e.Counted && best.Counted) {
			best = e
		}
	}
	return best, best.File != ""
}

// settle fills in what follows from the entries.
func (s State) settle() State {
	for _, slot := range []Slot{A, B} {
		e, found := s.Entry(slot)
		switch {
		case !found || !e.Counted:
		case slices.ContainsFunc(s.Entries, func(e Entry) bool { return e.Slot == slot && e.Tries > 0 }):
			s.Trial = slot
		default:
			s.Bad = append(s.Bad, slot)
		}
	}
	return s
}

// seq is the number of the next installation.
func (s State) seq() int {
	highest := 0
	for _, e := range s.Entries {
		highest = max(highest, e.Seq)
	}
	return highest + 1
}

// Boot is the loader's memory of the two slots.
type Boot interface {
	State() (State, error)
	// Arm makes the slot the one to be tried next, once its files are complete.
	// On amd64 the next start tries it; on the Pi the next reboot with the
	// argument RebootArgument does.
	Arm(s Slot, version, extra string) error
	// Commit makes the slot the one that starts from now on.
	Commit(s Slot) error
	// MarkBad takes the slot out of the choice; the other one starts.
	MarkBad(s Slot) error
	// Drop forgets the slot, before its files are overwritten.
	Drop(s Slot) error
}

// RebootArgument is what reboot(2) must be given to try an armed slot; "" means
// an ordinary reboot.
func RebootArgument(board Board) string {
	if board == RPi {
		return "0 tryboot"
	}
	return ""
}

// Open is the loader's memory in the files of the boot partition.
func Open(board Board, files Files, bootGUID string) (Boot, error) {
	switch board {
	case AMD64:
		return counting{files, bootGUID}, nil
	case RPi:
		return tryboot{files, bootGUID}, nil
	}
	return nil, fmt.Errorf("there is no board %q: write amd64 or rpi", board)
}

// Initial is what a new image has on its boot partition besides kernels and
// firmware: slot a committed, slot b unknown.
func Initial(board Board, bootGUID, version, extra string) (map[string][]byte, error) {
	first := Entry{Slot: A, Seq: 1, Version: version, Options: Options(board, bootGUID, A, extra)}
	if board == RPi {
		return map[string][]byte{
			configFile:      piText(A, first, ""),
			trybootFile:     piText(A, first, ""),
			cmdlineFile(A):  []byte(first.Options + "\n"),
			overlayMarks[A]: overlayMark,
			overlayMarks[B]: overlayMark,
		}, nil
	}
	text, err := first.text()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		loaderFile:                      []byte("timeout 0\neditor no\n"),
		entriesDir + "/" + first.name(): []byte(text),
	}, nil
}

// needsOther refuses to touch a slot while the other one cannot start.
func needsOther(state State, s Slot, doing string) error {
	if !s.Valid() {
		return fmt.Errorf("%s: there is no slot %q", doing, s)
	}
	if !state.Committed(s.Other()) {
		return fmt.Errorf("%s slot %s: slot %s has not proved itself, and one of the two must be able to start", doing, s, s.Other())
	}
	return nil
}
