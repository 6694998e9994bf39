package update

import (
	"os"

	"stairgate/appliance/update/slots"
)

// look reads the boot partition, and acts on what became of the last update.
func (m *Machine) look() {
	err := m.withBoot(func(boot slots.Boot, _ BootFiles) error {
		s, err := boot.State()
		m.state = s
		return err
	})
	m.blind = err != nil
	m.ill("update.boot", err, "The boot partition cannot be read, so this box cannot be updated. If that stays after a restart, write the image to its disk anew.")
	if err == nil {
		m.resume()
		m.sweep()
	}
}

// lookAgain looks until the boot partition could be read once: a version on
// trial that could not read it at the start must be able to commit.
func (m *Machine) lookAgain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blind && m.phase == Idle {
		m.look()
	}
}

// sweep removes a bundle that nothing speaks of: its note was lost, or the power
// went while it was discarded.
func (m *Machine) sweep() {
	if _, err := os.Lstat(m.bundleFile()); err != nil || m.journal.Ready != nil || m.journal.Attempt != nil {
		return
	}
	m.ill("update.incoming", removeIfThere(m.bundleFile()), "An update that is no longer needed cannot be deleted.")
}
