package update

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stairgate/appliance/update/bundle"
)

// tonight is the hour at which nobody is disturbed.
const tonight = 2

// farthest is the longest way to the next 02:00, on the night the clocks go back.
const farthest = 25 * time.Hour

// late is how long after its time an installation still begins: a box that was
// off at two must not restart when the school opens.
const late = 2 * time.Hour

// Install asks for the version that is ready to be installed, now or at the next 02:00 of
// the school's clock.
func (m *Machine) Install(by, version string, now bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.phase == Trial:
		return errTrial
	case m.phase != Idle:
		return errBusy
	case m.journal.Ready == nil:
		return errNothing
	case m.journal.Ready.Version != version:
		return errAnother
	case m.blind:
		return errNoBoot
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
		return plain(err)
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
		return plain(err)
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
	return plain(save(m.o.Disk, journalFile, m.journal))
}

// due tells whether an installation is to begin, and puts off one whose hour was
// missed. One that is years away was asked for while the clock was wrong.
func (m *Machine) due() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.o.Now()
	if m.phase != Idle || m.journal.Ready == nil || m.journal.When.IsZero() {
		return false
	}
	if passed := now.Sub(m.journal.When); passed > late || passed < -farthest {
		m.journal.When = nextNight(now.In(m.o.Box.Zone()))
		m.write()
		return false
	} else if passed < 0 {
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
	if errors.As(plain(err), &refusal) {
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
