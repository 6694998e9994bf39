package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"stairgate/appliance/update/slots"
)

const (
	journalFile = "state.json"
	floorFile   = "floor.json"
)

// Offer is a verified bundle that waits to be installed.
type Offer struct {
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	Notes   string    `json:"notes,omitempty"`
	Size    int64     `json:"size"`
	By      string    `json:"by"` // who brought it
	At      time.Time `json:"at"` // when
}

// Attempt is an update between the first byte written and its end.
type Attempt struct {
	Version string     `json:"version"`
	From    string     `json:"from"` // the version that runs if it fails
	Slot    slots.Slot `json:"slot"`
	By      string     `json:"by"`
	Began   time.Time  `json:"began"`
	// Start is the kernel's name of the start it was armed in: without another
	// start since, it has not been tried.
	Start string `json:"start"`
	// Ill are the checks that failed before; they may go on failing.
	Ill []string `json:"ill,omitempty"`
	// Written says that the slot was whole before it was armed.
	Written bool `json:"written,omitempty"`
	// Seen says that the new version came as far as checking itself, Why what
	// stood in its way when it last did, and Last what did at any time.
	Seen  bool      `json:"seen,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Why   string    `json:"why,omitempty"`
	Last  string    `json:"last,omitempty"`
}

// Result is what became of the last attempt, for people.
type Result struct {
	Version  string    `json:"version"`
	Kept     bool      `json:"kept"`
	Sentence string    `json:"sentence"`
	At       time.Time `json:"at"`
	Read     bool      `json:"read,omitempty"` // somebody has acknowledged it
}

// Journal is state.json.
type Journal struct {
	Ready   *Offer    `json:"ready,omitempty"`
	When    time.Time `json:"when,omitzero"` // Ready is to be installed then
	Who     string    `json:"who,omitempty"` // by whose wish
	Attempt *Attempt  `json:"attempt,omitempty"`
	Result  *Result   `json:"result,omitempty"`
}

type floor struct {
	Version string `json:"version"`
}

// load reads a JSON file of the machine; a missing one leaves v as it is.
func load(d Disk, name string, v any) error {
	text, err := d.Load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("read the update's %s: %w", name, err)
	}
	return nil
}

func save(d Disk, name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = d.Save(name, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the update's %s: %w", name, err)
	}
	return nil
}

// Verdict is what has become of an attempt.
type Verdict int

// The verdicts.
const (
	Nothing     Verdict = iota // there is no attempt
	NotRebooted                // armed, but this is still the same start
	OnTrial                    // the new version runs and has to prove itself
	Kept                       // the new version runs and has proved itself
	CutOff                     // the power went before the slot was complete
	CameBack                   // the new version was tried, and the old one runs again
)

// judge holds what state.json remembers against what the boot partition says.
func judge(a *Attempt, s slots.State, running slots.Slot, start string) Verdict {
	onTrial := s.OnTrial(running)
	switch {
	case onTrial:
		return OnTrial // also when state.json was lost
	case a == nil:
		return Nothing
	case a.Slot == running:
		return Kept
	}
	e, found := s.Entry(a.Slot)
	switch {
	case !a.Written || !found || e.Version != a.Version:
		return CutOff
	case a.Start == start && s.Trial == a.Slot:
		return NotRebooted
	}
	return CameBack
}
