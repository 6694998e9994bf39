package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

// replaceSlot writes what is ready into the other slot and arms it.
func (m *Machine) replaceSlot(ctx context.Context) error {
	slot := m.running.Other()
	f, err := os.Open(m.bundleFile())
	if err != nil {
		return bundle.Refusal("The uploaded file is gone. Upload it again.")
	}
	defer f.Close()
	before := m.o.Box.Checks(ctx)
	// All of it once more, before the version in the other slot is given away.
	if b, err := m.bundleIn(ctx, f); err != nil {
		return err
	} else if err := b.Verify(); err != nil {
		return err
	}
	b, err := m.bundleIn(ctx, f)
	if err != nil {
		return err
	}
	if err := m.preflight(b.Manifest); err != nil {
		return err
	}
	// Ill twice, or what one slow moment cost would be forgiven the new version.
	ill := slices.DeleteFunc(illKeys(m.o.Box.Checks(ctx)), func(key string) bool { return !slices.Contains(illKeys(before), key) })

	m.mu.Lock()
	a := &Attempt{
		Version: b.Manifest.Version, From: m.o.Release.Version, Slot: slot, By: m.journal.Who,
		Began: m.o.Now(), Start: m.o.Start, Ill: ill,
	}
	m.journal.Attempt, m.journal.When = a, time.Time{}
	m.total = 0
	for _, member := range b.Manifest.Members {
		m.total += 2 * member.Size // written and read back
	}
	err = save(m.o.Disk, journalFile, m.journal)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	m.o.Box.Audit("appliance", "update.writing", "version "+a.Version, "into slot "+string(slot)+", for "+a.By)

	// From here on the other slot does not start, until it is whole.
	if err := m.forget(slot); err != nil {
		return err
	}
	if err := m.fill(b, slot, *a); err != nil {
		// Where it was armed already, what people are told is that it was not
		// installed: then it must not start either.
		return errors.Join(err, m.forget(slot))
	}
	return nil
}

// bundleIn is the bundle that was asked for, from the file's beginning.
func (m *Machine) bundleIn(ctx context.Context, f io.ReadSeeker) (*bundle.Bundle, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	b, err := bundle.Open(&stoppable{ctx, f}, m.o.Keys)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	ready := m.journal.Ready
	m.mu.Unlock()
	// A power cut between the file and the note of it.
	if ready == nil || b.Manifest.Version != ready.Version || !b.Manifest.Created.Equal(ready.Created) {
		return nil, bundle.Refusal("The file on the box is not the one that was chosen: it holds version " + b.Manifest.Version + ". Upload the one you want again.")
	}
	return b, m.check(b.Manifest)
}

// forget takes a slot out of the choice. Only when that is on the disk are its
// files removed: the loader may still need them otherwise.
func (m *Machine) forget(slot slots.Slot) error {
	return m.withBoot(func(boot slots.Boot, files BootFiles) error {
		if err := boot.Drop(slot); err != nil {
			return err
		}
		state, err := boot.State()
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.state = state
		m.mu.Unlock()
		return files.Clear(slot)
	})
}

// fill writes a forgotten slot, reads it back and arms it.
func (m *Machine) fill(b *bundle.Bundle, slot slots.Slot, a Attempt) error {
	if err := m.writeMembers(b, slot); err != nil {
		return err
	}
	if err := m.readBack(b.Manifest, slot); err != nil {
		return err
	}
	// A copy: the one before may be on its way to a page.
	m.mu.Lock()
	a.Written = true
	m.journal.Attempt = &a
	err := save(m.o.Disk, journalFile, m.journal)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.withBoot(func(boot slots.Boot, _ BootFiles) error {
		if err := boot.Arm(slot, b.Manifest.Version, b.Manifest.Cmdline); err != nil {
			return err
		}
		state, err := boot.State()
		if err == nil && state.Trial != slot {
			err = fmt.Errorf("the boot partition does not hold what was written to it about slot %s", slot)
		}
		m.mu.Lock()
		m.state = state
		m.mu.Unlock()
		return err
	})
}

// writeMembers writes each member where it belongs. The boot partition is
// mounted for one file at a time: init must be able to have it meanwhile.
func (m *Machine) writeMembers(b *bundle.Bundle, slot slots.Slot) error {
	return b.Each(func(member bundle.Member, r io.Reader) error {
		r = &counted{m, r}
		if member.To == bundle.Root {
			return m.o.Disk.WriteRoot(slot, r)
		}
		return m.o.Disk.Boot(func(files BootFiles) error { return files.Copy(string(slot)+"/"+member.Boot(), r) })
	})
}

// readBack compares what the medium holds with the manifest. The boot partition
// is mounted anew for it, so that nothing comes from memory.
func (m *Machine) readBack(manifest bundle.Manifest, slot slots.Slot) error {
	same := func(member bundle.Member, sum string, err error) error {
		if err != nil {
			return err
		}
		if sum != strings.ToLower(member.SHA256) {
			return bundle.Refusal("What was written does not read back the same: the box's storage is failing. Replace the card or disk soon.")
		}
		m.progress(member.Size)
		return nil
	}
	for _, member := range manifest.Members {
		if member.To != bundle.Root {
			continue
		}
		sum, err := m.o.Disk.HashRoot(slot, member.Size)
		if err := same(member, sum, err); err != nil {
			return err
		}
	}
	return m.o.Disk.Boot(func(files BootFiles) error {
		for _, member := range manifest.Members {
			if member.To == bundle.Root {
				continue
			}
			sum, err := files.Hash(string(slot) + "/" + member.Boot())
			if err := same(member, sum, err); err != nil {
				return err
			}
		}
		return nil
	})
}

// counted is a member on its way to the disk.
type counted struct {
	m *Machine
	r io.Reader
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.m.progress(int64(n))
	return n, err
}

// stoppable ends where its context does.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}
