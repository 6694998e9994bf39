package dns

import (
	"context"
	"fmt"

	"stairgate/config/identity"
	"stairgate/dns/category"
)

// Lists keeps the compiled category database open that the newest snapshot names. Its
// Holder answers; one file takes the place of another between two questions.
type Lists struct {
	// Holder is what Options.Categories wants.
	Holder category.Holder
	// Error takes a line for the operator; nil for none.
	Error func(line string)

	open   identity.ListsInfo
	failed identity.ListsInfo // said so once
}

// Apply opens what a snapshot names; a second time it does nothing. A file that cannot
// be opened leaves in use what was in use, and the error says which. It is called by one
// goroutine.
func (l *Lists) Apply(snap *identity.Snapshot) error {
	want := snap.Data().Lists
	if want == l.open {
		return nil
	}
	if want.Path == "" {
		l.Holder.Swap(nil)
		l.open, l.failed = want, identity.ListsInfo{}
		return nil
	}
	db, err := category.Open(want.Path)
	if err != nil {
		return fmt.Errorf("opening the compiled lists %s, so the lists from before stay in use: %w", want.ID, err)
	}
	l.Holder.Swap(db)
	l.open, l.failed = want, identity.ListsInfo{}
	return nil
}

// Snapshots is where snapshots come from: an edge.Client.
type Snapshots interface {
	Snapshot() *identity.Snapshot
	Changed() <-chan struct{}
}

// Run applies every snapshot until ctx ends, then returns nil.
func (l *Lists) Run(ctx context.Context, from Snapshots) error {
	for {
		changed := from.Changed()
		if snap := from.Snapshot(); snap != nil {
			l.say(snap.Data().Lists, l.Apply(snap))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// say reports an error once for each database.
func (l *Lists) say(want identity.ListsInfo, err error) {
	if err != nil && want != l.failed && l.Error != nil {
		l.failed = want
		l.Error(err.Error())
	}
}

// String names the task.
func (l *Lists) String() string { return "category lists" }
