package policy

import "stairgate/config/identity"

// A rule answers, or leaves the question to the next.
type rule func(Question) (Verdict, bool)

// rules in the order in which they are asked.
var rules = []rule{
	// First, because a list that blocks Windows updates, a certificate check, the
	// portal's probe or a helpline is wrong whatever category it calls them. The
	// table is built in and short; no setting adds to it, so it opens nothing else.
	essential,
	// Before anything that belongs to a group: no group, no technician and no
	// setting opens these, signed in or not.
	locked,
	// Before the groups: a client in quarantine reaches nothing but the portal, and
	// its probes must get true answers or its system shows no portal.
	quarantine,
	// What the school chose for this group.
	group,
}

// order is the order in which categories are tried, so that the gravest is the
// one named when a name is in several.
var order = identity.Categories()

func essential(q Question) (Verdict, bool) {
	return Verdict{Action: Allow, Rule: RuleEssential}, q.Essential
}

func locked(q Question) (Verdict, bool) {
	if q.Categories == nil {
		return Verdict{}, false
	}
	for _, c := range order {
		if c.Locked && q.Categories.Has(c.ID) {
			return blocked(q, RuleLocked, c), true
		}
	}
	return Verdict{}, false
}

func quarantine(q Question) (Verdict, bool) {
	return Verdict{Action: Allow, Rule: RuleQuarantine}, ClassAt(q.Client, q.Now) == identity.Quarantined
}

func group(q Question) (Verdict, bool) {
	if q.Categories == nil {
		return Verdict{}, false
	}
	for _, c := range order {
		if !q.Categories.Has(c.ID) {
			continue
		}
		for _, b := range q.Group.Block {
			if b == c.ID {
				return blocked(q, RuleGroup+q.Group.ID, c), true
			}
		}
	}
	return Verdict{}, false
}

func blocked(q Question, rule string, c identity.CategoryInfo) Verdict {
	return Verdict{Action: Block, Rule: rule, Category: c.ID, Sentence: sentence(q, c)}
}
