package slots

import (
	"fmt"
	"slices"
)

const (
	loaderFile = "loader/loader.conf"
	entriesDir = "loader/entries"
	// tries is how often a new system may be started before it has to commit:
	// once, and once more if somebody pulls the plug meanwhile.
	tries = 2
)

// counting is systemd-boot's boot counting.
type counting struct {
	files Files
	guid  string
}

// State implements Boot.
func (c counting) State() (State, error) {
	names, err := c.files.List(entriesDir)
	if err != nil {
		return State{}, fmt.Errorf("read the loader's entries: %w", err)
	}
	var s State
	for _, name := range names {
		e, ok := parseName(name)
		if !ok {
			continue
		}
		text, err := c.files.Read(entriesDir + "/" + name)
		if err != nil {
			return State{}, fmt.Errorf("read the loader's entry %s: %w", name, err)
		}
		if e, ok = e.parseText(string(text)); ok {
			s.Entries = append(s.Entries, e)
		}
	}
	slices.SortFunc(s.Entries, before)
	if len(s.Entries) > 0 {
		s.Next = s.Entries[0].Slot
	}
	return s.settle(), nil
}

// Arm implements Boot.
func (c counting) Arm(s Slot, version, extra string) error {
	state, err := c.State()
	if err != nil {
		return err
	}
	if err := needsOther(state, s, "arm"); err != nil {
		return err
	}
	e := Entry{Slot: s, Seq: state.seq(), Version: version, Options: Options(AMD64, c.guid, s, extra), Counted: true, Tries: tries}
	if _, err := e.text(); err != nil {
		return err
	}
	if err := c.remove(s, ""); err != nil {
		return err
	}
	return c.create(e)
}

// Commit implements Boot.
func (c counting) Commit(s Slot) error {
	return c.settle(s, "commit", func(e Entry) Entry {
		e.Counted, e.Tries, e.Tried = false, 0, 0
		return e
	})
}

// MarkBad implements Boot.
func (c counting) MarkBad(s Slot) error {
	state, err := c.State()
	if err != nil {
		return err
	}
	if err := needsOther(state, s, "give up"); err != nil {
		return err
	}
	return c.settle(s, "give up", func(e Entry) Entry {
		e.Counted, e.Tries, e.Tried = true, 0, max(e.Tried, 1)
		return e
	})
}

// Drop implements Boot.
func (c counting) Drop(s Slot) error {
	state, err := c.State()
	if err != nil {
		return err
	}
	if err := needsOther(state, s, "clear"); err != nil {
		return err
	}
	return c.remove(s, "")
}

// settle gives the slot's entry its last name: first the new file, with
// clusters of its own, then the old names go. In between both start the same
// system.
func (c counting) settle(s Slot, doing string, change func(Entry) Entry) error {
	state, err := c.State()
	if err != nil {
		return err
	}
	old, found := state.Entry(s)
	if !found {
		return fmt.Errorf("%s slot %s: the loader has no entry for it", doing, s)
	}
	settled := change(old)
	settled.File = settled.name()
	if settled.File != old.File {
		// A torn file of that name may be left from a power cut.
		if err := c.removeNamed(settled.File); err != nil {
			return err
		}
		if err := c.create(settled); err != nil {
			return err
		}
	}
	return c.remove(s, settled.File)
}

func (c counting) create(e Entry) error {
	text, err := e.text()
	if err != nil {
		return err
	}
	if err := c.files.Create(entriesDir+"/"+e.name(), []byte(text)); err != nil {
		return fmt.Errorf("write the loader's entry %s: %w", e.name(), err)
	}
	return nil
}

// remove takes away every file of the slot but one, torn ones included.
func (c counting) remove(s Slot, but string) error {
	names, err := c.files.List(entriesDir)
	if err != nil {
		return fmt.Errorf("read the loader's entries: %w", err)
	}
	for _, name := range names {
		if e, ok := parseName(name); !ok || e.Slot != s || name == but {
			continue
		}
		if err := c.files.Remove(entriesDir + "/" + name); err != nil {
			return fmt.Errorf("remove the loader's entry %s: %w", name, err)
		}
	}
	return nil
}

func (c counting) removeNamed(name string) error {
	names, err := c.files.List(entriesDir)
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		return nil
	}
	return c.files.Remove(entriesDir + "/" + name)
}
