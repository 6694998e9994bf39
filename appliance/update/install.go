package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

// tonight is the hour at which nobody is disturbed.
const tonight = 2

// late is how long after its time an installation still begins: a box that was
// off at two must not restart when the school opens.
const late = 2 * time.Hour

// Install asks for what is ready to be installed, now or at the next 02:00 of
// the school's clock.
func (m *Machine) Install(by string, now bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.phase == Trial:
		return errTrial
	case m.phase != Idle:
		return errBusy
	case m.journal.Ready == nil:
		return errNothing
	}
	when := m.o.Now()
	said := "now"
	if !now {
		when = nextNight(when.In(m.o.Box.Zone()))
		said = "at " + when.Format("15:04 on 2 January")
	}
	was := m.journal
	m.journal.When, m.journal.Who = when, by
	if err := save(m.o.Disk, journalFile, m.journal); err != nil {
		m.journal = was
		return err
	}
	m.o.Box.Audit(by, "asked for an update", "version "+m.journal.Ready.Version, "to be installed "+said)
	m.wakeUp()
	return nil
}

// nextNight is the next 02:00 after t, on t's clock. On the night the clocks go
// forward it is the hour that takes its place.
func nextNight(t time.Time) time.Time {
	n := time.Date(t.Year(), t.Month(), t.Day(), tonight, 0, 0, 0, t.Location())
	if !n.After(t) {
		n = time.Date(t.Year(), t.Month(), t.Day()+1, tonight, 0, 0, 0, t.Location())
	}
	return n
}

// Discard drops what is ready.
func (m *Machine) Discard(by string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.phase != Idle:
		return errBusy
	case m.journal.Ready == nil:
		return errNothing
	}
	was, version := m.journal, m.journal.Ready.Version
	m.journal.Ready, m.journal.When, m.journal.Who = nil, time.Time{}, ""
	if err := save(m.o.Disk, journalFile, m.journal); err != nil {
		m.journal = was
		return err
	}
	m.o.Box.Audit(by, "discarded an update", "version "+version, "")
	return removeIfThere(m.bundleFile())
}

// Acknowledge takes the last result off the health board.
func (m *Machine) Acknowledge() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.journal.Result == nil {
		return nil
	}
	read := *m.journal.Result
	read.Read = true
	m.journal.Result = &read
	m.tellBack()
	return save(m.o.Disk, journalFile, m.journal)
}

// due tells whether an installation is to begin, and puts off one whose hour was
// missed.
func (m *Machine) due() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.o.Now()
	if m.phase != Idle || m.journal.Ready == nil || m.journal.When.IsZero() || now.Before(m.journal.When) {
		return false
	}
	if now.Sub(m.journal.When) > late {
		m.journal.When = nextNight(now.In(m.o.Box.Zone()))
		m.write()
		return false
	}
	m.phase, m.done, m.total = Installing, 0, 1
	return true
}

// install writes the bundle into the other slot, arms it and restarts the box.
// Whatever goes wrong leaves the running system the one that starts.
func (m *Machine) install(ctx context.Context) {
	err := m.replaceSlot(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		m.phase = Restarting
		m.ill("update.restart", m.restart(), "The box could not restart itself for the update. Restart it.")
		return
	}
	m.phase = Idle
	sentence := "Something on the box failed: " + err.Error() + "."
	var refusal bundle.Refusal
	if errors.As(err, &refusal) {
		sentence = string(refusal)
	}
	version := ""
	if m.journal.Ready != nil {
		version = m.journal.Ready.Version
	}
	if m.journal.Attempt == nil {
		m.journal.Attempt = &Attempt{Version: version}
	}
	m.ended(fmt.Sprintf("Version %s was not installed. %s This box goes on with %s.", version, sentence, m.o.Release.Version), false)
	m.tellBack()
}

func (m *Machine) replaceSlot(ctx context.Context) error {
	slot := m.running.Other()
	f, err := os.Open(m.bundleFile())
	if err != nil {
		return bundle.Refusal("The uploaded file is gone. Upload it again.")
	}
	defer f.Close()
	b, err := bundle.Open(f, m.o.Keys)
	if err != nil {
		return err
	}
	if err := m.check(b.Manifest); err != nil {
		return err
	}
	checks := m.o.Box.Checks(ctx)
	if err := m.preflight(b.Manifest); err != nil {
		return err
	}

	m.mu.Lock()
	a := &Attempt{
		Version: b.Manifest.Version, From: m.o.Release.Version, Slot: slot, By: m.journal.Who,
		Began: m.o.Now(), Start: m.o.Start, Ill: illKeys(checks),
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
	if err := m.withBoot(func(boot slots.Boot, files BootFiles) error {
		return errors.Join(boot.Drop(slot), files.Clear(slot))
	}); err != nil {
		return err
	}
	if err := m.writeMembers(ctx, b, slot); err != nil {
		return err
	}
	if err := m.readBack(b.Manifest, slot); err != nil {
		return err
	}
	// A copy: the one before may be on its way to a page.
	m.mu.Lock()
	whole := *a
	whole.Written = true
	m.journal.Attempt = &whole
	err = save(m.o.Disk, journalFile, m.journal)
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.withBoot(func(boot slots.Boot, _ BootFiles) error {
		if err := boot.Arm(slot, b.Manifest.Version, b.Manifest.Cmdline); err != nil {
			return err
		}
		state, err := boot.State()
		m.mu.Lock()
		m.state = state
		m.mu.Unlock()
		return err
	})
}

// writeMembers writes each member where it belongs. The boot partition is
// mounted for one file at a time: init must be able to have it meanwhile.
func (m *Machine) writeMembers(ctx context.Context, b *bundle.Bundle, slot slots.Slot) error {
	return b.Each(func(member bundle.Member, r io.Reader) error {
		r = &counted{m: m, ctx: ctx, r: r}
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

type counted struct {
	m   *Machine
	ctx context.Context
	r   io.Reader
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.m.progress(int64(n))
	return n, err
}
