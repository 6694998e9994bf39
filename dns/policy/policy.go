package policy

import (
	"net/netip"
	"time"

	"stairgate/config/identity"
)

// Action is what a verdict does. The names stand in the query log.
type Action string

// The actions.
const (
	Allow   Action = "allow"
	Block   Action = "block"
	Warn    Action = "warn"    // the block page, from which a person may go on
	Local   Action = "local"   // answered by the box itself
	Rewrite Action = "rewrite" // answered with another name's addresses: SafeSearch
)

// Categories is a set of categories as other packages have it. What a set on a
// fast path says, say with Question.Set: an interface may cost an allocation.
type Categories interface {
	Has(c identity.Category) bool
}

// Sourced is a Categories that knows which list put the name in a category.
type Sourced interface {
	List(c identity.Category) string
}

// Question is everything a verdict depends on besides the Rules.
type Question struct {
	Client identity.Client
	Name   string // lower case, no final dot

	// Set is the categories of the name. Categories, when it is not nil, adds to
	// it, and names the list if it is Sourced.
	Set        identity.CategorySet
	Categories Categories
	// Essential is set for a name that a device needs for its updates, its
	// certificates or to see that it is online, or that a child in danger needs.
	// No list may block it, but the one of illegal content.
	Essential bool
	// Led is set for a name that an answer leads to (a CNAME, the target of an
	// HTTPS record), with By the verdict on the name that was asked for. Where
	// that was opened by name, only what is locked still stops it: sites keep
	// their pictures with hosts of other names.
	Led bool
	By  Verdict

	Now time.Time

	// Group and Contact are read by the function Decide only; Rules know them.
	Group   identity.Group
	Contact string
}

// Verdict is the answer to a Question.
type Verdict struct {
	Action   Action
	Rule     string            // which rule decided, for the log: "locked", "group/staff", "rule/kahoot"
	Category identity.Category // that decided; empty when none did
	List     string            // that put the name in the category, as far as the question tells
	Sentence string            // for people; empty when allowed
	Named    bool              // opened by its name: what it leads to is open too, unless locked

	// Target is, for Rewrite, the name whose addresses are the answer, as a CNAME
	// for A, AAAA and HTTPS alike. Where the operator gives an address and no
	// name, Target is empty and Addr is the answer to A; every other type is
	// answered empty.
	Target string
	Addr   netip.Addr
}

// Rules, as they stand in Verdict.Rule. Those that end in a slash are followed
// by an ID.
const (
	RuleEssential  = "essential"
	RuleLocked     = "locked"
	RuleQuarantine = "quarantine"
	RuleUnblock    = "open/"       // Unblock.ID: opened for a while
	RuleOwn        = "rule/"       // identity.Rule.ID
	RulePlatform   = "platform/"   // identity.Platform.ID
	RuleAllowOnly  = "allow-only/" // Group.ID
	RuleGroup      = "group/"      // Group.ID
	RuleSafeSearch = "safesearch/" // Group.ID
	RuleYouTube    = "youtube/"    // Group.ID
	RuleDefault    = "default"
)

// ClassAt is what c may do at now. A snapshot outlives the sessions in it while
// the writer is away, so the end of a session is looked at with every query, as
// the kernel looks at it with every packet.
func ClassAt(c identity.Client, now time.Time) identity.Class {
	if c.Class == identity.Admitted && (c.Until.IsZero() || now.Before(c.Until)) {
		return identity.Admitted
	}
	return identity.Quarantined
}

// Decide answers from q.Group alone, without anything the school decided
// besides its groups. Whoever has a Snapshot compiles its Rules and asks them.
func Decide(q Question) Verdict {
	q.Client.Group = q.Group.ID
	return Compile(&identity.Data{
		School: identity.School{Contact: q.Contact},
		Groups: []identity.Group{q.Group},
	}).Decide(q)
}
