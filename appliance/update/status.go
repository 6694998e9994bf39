package update

import (
	"time"

	"stairgate/appliance/update/slots"
)

// Status is everything about updates that people are shown.
type Status struct {
	Release  Release
	Slot     slots.Slot
	Previous string // the version kept as the way back; "" when there is none
	Floor    string

	Phase       Phase
	Done, Total int64 // bytes, while receiving or installing

	Ready *Offer
	When  time.Time // Ready is to be installed then
	Who   string

	Attempt *Attempt
	Failing []Check       // what stands in the trial's way
	Left    time.Duration // of the trial, until the old version comes back
	Needs   time.Duration // how long it must be healthy without a break

	Result *Result
	Sticks []StickFile
}

// Status is how things stand now.
func (m *Machine) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{
		Release: m.o.Release, Slot: m.running, Floor: m.floor.Version,
		Phase: m.phase, Done: min(m.done, m.total), Total: m.total,
		Ready: m.journal.Ready, When: m.journal.When, Who: m.journal.Who,
		Attempt: m.journal.Attempt, Result: m.journal.Result, Sticks: m.sticks,
	}
	if other := m.running.Other(); m.state.Committed(other) {
		e, _ := m.state.Entry(other)
		s.Previous = e.Version
	}
	if m.phase == Trial {
		s.Left, s.Needs = max(m.deadline-m.o.Uptime(), 0), m.healthy
		if m.checked && m.journal.Attempt != nil {
			s.Failing = m.failing()
		}
	}
	return s
}

// Healthy tells whether every check passed when they were last made.
func (m *Machine) Healthy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.checked && len(Gate(m.checks, nil)) == 0
}

// Read reads what a machine remembers in a directory, for a person without a
// running box.
func Read(dir string) (Journal, string, error) {
	var j Journal
	var f floor
	d := RealDisk{Dir: dir}
	if err := load(d, journalFile, &j); err != nil {
		return j, "", err
	}
	return j, f.Version, load(d, floorFile, &f)
}
