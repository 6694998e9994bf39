package policy

import "time"

// The contract between init and the appliance.
const (
	// Grace is how long after power-on the appliance may be silent.
	Grace = 180 * time.Second
	// Fresh is how old its last sign of life may be while the watchdog is fed.
	Fresh = 60 * time.Second
	// Dead is the silence after which init starts the box again itself.
	Dead = 5 * time.Minute
	// Restarts is how often in a row that is done on a committed system.
	Restarts = 3
	// Settled is how long the appliance must have lived for the count to
	// begin again.
	Settled = 30 * time.Minute
)

// Facts is what the decision rests on.
type Facts struct {
	Uptime time.Duration // since power-on
	// Alive is the uptime at the appliance's last sign of life; 0 if it has
	// given none.
	Alive time.Duration
	// Trial is whether the running system still has to prove itself, and
	// Deadline until when.
	Trial    bool
	Deadline time.Duration
	// Restarts is how often in a row the box was started again for silence.
	Restarts int
}

// Step is what to do besides feeding the watchdog.
type Step int

// The steps.
const (
	GoOn Step = iota
	// Count writes down, before the watchdog is left alone, that the next
	// start is one of the counted ones. It is asked for once.
	Count
	// Restart starts the box again.
	Restart
	// GiveUp marks the system on trial as bad and starts the other one.
	GiveUp
)

// Decision is what to do now.
type Decision struct {
	Feed bool
	Step Step
	Why  string // a sentence for the log where Step is not GoOn
}

// silence is how long the appliance has said nothing. A sign of life from the
// future is none: it is left over from elsewhere.
func (f Facts) silence() time.Duration {
	if f.Alive <= 0 || f.Alive > f.Uptime {
		return f.Uptime
	}
	return f.Uptime - f.Alive
}

// Settled tells whether the count of restarts begins again: the appliance lives
// now, and has had the time to show that it stays alive.
func (f Facts) Settled(since time.Duration) bool {
	return f.silence() < Fresh && f.Uptime-since >= Settled
}

// Lives tells whether the appliance gives signs of life.
func (f Facts) Lives() bool { return f.Alive > 0 && f.silence() < Fresh }

// Decide is the whole policy. counted tells whether this silence has been
// written down already.
func Decide(f Facts, counted bool) Decision {
	if f.Trial && f.Uptime >= f.Deadline {
		return Decision{Feed: true, Step: GiveUp, Why: "this version has not shown within its time that it works; the one before it is started again"}
	}
	silence := f.silence()
	if f.Uptime < Grace || silence < Fresh {
		return Decision{Feed: true}
	}
	if f.Trial {
		if silence >= Dead {
			return Decision{Step: GiveUp, Why: "the gateway's program does not live in the version on trial; the one before it is started again"}
		}
		return Decision{}
	}
	if !counted && f.Restarts >= Restarts {
		// Three restarts did not help, so a fourth would not.
		return Decision{Feed: true}
	}
	d := Decision{}
	switch {
	case !counted:
		d = Decision{Feed: true, Step: Count, Why: "the gateway's program has given no sign of life for a minute; the box starts again if that lasts"}
	case silence >= Dead:
		d = Decision{Step: Restart, Why: "the gateway's program has given no sign of life for five minutes; the box starts again"}
	}
	return d
}
