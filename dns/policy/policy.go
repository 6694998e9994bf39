package policy

import (
	"time"

	"stairgate/config/identity"
)

// Action is what a verdict does. The names stand in the query log.
type Action string

// The actions.
const (
	Allow Action = "allow"
	Block Action = "block"
)

// Categories is the set of categories a name is in. The category database
// implements it.
type Categories interface {
	Has(c identity.Category) bool
}

// Question is everything a verdict depends on.
type Question struct {
	Client identity.Client
	Group  identity.Group // of the client; the zero Group blocks the locked categories only
	Name   string         // lower case, no final dot

	// Categories of the name; nil when it is in none.
	Categories Categories
	// Essential is set for a name that a device needs for its updates, its
	// certificates or to see that it is online, or that a child in danger needs.
	// No list may block it.
	Essential bool

	Contact string    // whom to ask, "Ms Ahmed in the office"
	Now     time.Time // for rules that depend on the time
}

// Verdict is the answer to a Question.
type Verdict struct {
	Action   Action
	Rule     string            // which rule decided, for the log: "locked", "group/staff"
	Category identity.Category // that decided; empty when none did
	Sentence string            // for people; empty when allowed
}

// Rules, as they stand in Verdict.Rule. A group's rule is RuleGroup + its ID.
const (
	RuleEssential  = "essential"
	RuleLocked     = "locked"
	RuleQuarantine = "quarantine"
	RuleGroup      = "group/"
	RuleDefault    = "default"
)

// Decide is the filter. It always answers: a name no rule knows is allowed.
func Decide(q Question) Verdict {
	for _, r := range rules {
		if v, ok := r(q); ok {
			return v
		}
	}
	return Verdict{Action: Allow, Rule: RuleDefault}
}

// ClassAt is what c may do at now. A snapshot outlives the sessions in it while
// the writer is away, so the end of a session is looked at with every query, as
// the kernel looks at it with every packet.
func ClassAt(c identity.Client, now time.Time) identity.Class {
	if c.Class == identity.Admitted && (c.Until.IsZero() || now.Before(c.Until)) {
		return identity.Admitted
	}
	return identity.Quarantined
}
