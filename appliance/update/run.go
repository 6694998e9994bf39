package update

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"stairgate/appliance/update/slots"
)

// String implements fmt.Stringer.
func (m *Machine) String() string { return "the updates" }

// Run does what is due until ctx ends: installs, checks a version on trial and
// commits it, looks for sticks, and tells init that the box is alive.
func (m *Machine) Run(ctx context.Context) error {
	t := time.NewTicker(often)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.wake:
		case <-t.C:
		}
		m.step(ctx)
	}
}

// step is one round.
func (m *Machine) step(ctx context.Context) {
	m.lookAgain()
	if m.due() {
		m.install(ctx)
	}
	if m.toCheck() {
		checks := m.o.Box.Checks(ctx)
		if ctx.Err() != nil {
			return // what was cut off says nothing
		}
		m.judgeTrial(checks)
	}
	m.lookForSticks()
}

// toCheck tells whether it is time for the checks.
func (m *Machine) toCheck() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	up := m.o.Uptime()
	if m.phase != Trial && m.checked && up-m.last < seldom {
		return false
	}
	m.last = up
	return true
}

func (m *Machine) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// judgeTrial takes in what the checks found, and commits a version that was
// healthy for long enough. Time is counted by the kernel, not by the clock,
// which may jump when the box first hears what time it is.
func (m *Machine) judgeTrial(checks []Check) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks, m.checked = checks, true
	if m.phase != Trial {
		return
	}
	a := *m.journal.Attempt
	failing := m.failing()
	up := m.o.Uptime()
	if why := reasons(failing); why != a.Why {
		a.Why = why
		if why != "" {
			a.Last = why
		}
		m.journal.Attempt = &a
		m.write()
	}
	switch {
	case len(failing) > 0:
		m.well = -1
		return
	case m.well < 0:
		m.well = up
	}
	if up-m.well < m.healthy {
		return
	}
	err := m.withBoot(func(boot slots.Boot, _ BootFiles) error {
		if err := boot.Commit(m.running); err != nil {
			return err
		}
		state, err := boot.State()
		m.state = state
		return err
	})
	m.ill("update.commit", err, "The new version works, but the boot partition cannot be written to keep it. Look whether the storage is broken.")
	if err != nil {
		return
	}
	m.phase = Idle
	m.kept()
	m.tellBack()
}

// Alive is what init wants to hear.
type Alive struct {
	Uptime  float64 `json:"uptime"`
	Healthy bool    `json:"healthy"`
}

// WriteAlive tells init that the box is alive: that the caller came by here.
func WriteAlive(run string, uptime time.Duration, healthy bool) error {
	text, err := json.Marshal(Alive{Uptime: uptime.Seconds(), Healthy: healthy})
	if err != nil {
		return err
	}
	return ReplaceFile(filepath.Join(run, "alive.json"), text)
}
