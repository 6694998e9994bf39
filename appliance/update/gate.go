package update

import (
	"slices"
	"strings"
)

// Check is one thing a healthy box can do.
type Check struct {
	Key string
	// Ill is what it cannot do, as a clause ("DHCP could not answer"); "" when
	// it can.
	Ill string
}

// Gate is what stands in the way of keeping a new version: everything that is
// ill now and was not before.
func Gate(checks []Check, before []string) (failing []Check) {
	for _, c := range checks {
		if c.Ill != "" && !slices.Contains(before, c.Key) {
			failing = append(failing, c)
		}
	}
	return failing
}

// failing is what stands in the trial's way. The version that people agreed to
// and the floor was held against is the signed one: a system that calls itself
// something else is not what the signature spoke of.
func (m *Machine) failing() []Check {
	checks := Gate(m.checks, m.journal.Attempt.Ill)
	if e, found := m.state.Entry(m.running); found && e.Version != m.o.Release.Version {
		checks = append(checks, Check{"version", "it was signed as version " + e.Version + " and calls itself " + m.o.Release.Version})
	}
	return checks
}

// illKeys are the names of what is ill.
func illKeys(checks []Check) (keys []string) {
	for _, c := range Gate(checks, nil) {
		keys = append(keys, c.Key)
	}
	return keys
}

// reasons joins what is ill to one clause.
func reasons(failing []Check) string {
	var words []string
	for _, c := range failing {
		words = append(words, c.Ill)
	}
	return strings.Join(words, "; ")
}
