package policy

import (
	"math/bits"
	"slices"

	"stairgate/config/identity"
)

// group is a compiled identity.Group with every rule about categories that can
// speak to its members, in order.
type group struct {
	id, name   string
	child      bool
	safeSearch bool
	youtube    string // where YouTube is answered from; "" is as it is
	allowOnly  bool
	rules      []*categoryRule

	ruleSafeSearch, ruleYouTube, ruleAllowOnly string

	// Sentences are made once, so that a verdict costs no memory: by the bit of
	// the category.
	blocked, warned, locked, lockedChild []string
	unlisted, engine                     string
}

// categoryRule is a rule about categories.
type categoryRule struct {
	origin
	of   identity.CategorySet
	only bool // not a rule: here the allow-only mode of the group closes the rest
}

// newGroup compiles g; personal are the rules about categories that are not the
// group's setting.
func (r *Rules) newGroup(in *identity.Group, times map[string]*timetable, personal []*categoryRule) *group {
	g := &group{
		id: in.ID, name: in.Name, child: in.Child, allowOnly: in.AllowOnly,
		safeSearch: in.SafeSearch, youtube: youtubeTarget(in.YouTube),
		ruleSafeSearch: RuleSafeSearch + in.ID, ruleYouTube: RuleYouTube + in.ID, ruleAllowOnly: RuleAllowOnly + in.ID,
	}
	for _, p := range personal {
		if p.scope.group == "" || p.scope.group == in.ID {
			g.rules = append(g.rules, p)
		}
	}
	for i := range in.Categories {
		c := &in.Categories[i]
		rule := &categoryRule{of: identity.SetOf(c.Of...), origin: origin{
			level: levelPlatform, order: i, action: actionOf(c.Action), rule: RuleGroup + in.ID,
		}}
		rule.setWhen(c.When, times)
		g.rules = append(g.rules, rule)
	}
	if g.allowOnly {
		// Behind what was decided for a device, a person or by a rule for the group,
		// before the settings of the group, which would only open or close by kind.
		g.rules = append(g.rules, &categoryRule{only: true, origin: origin{
			level: levelPlatform, order: -1, action: Block, rule: g.ruleAllowOnly,
		}})
	}
	slices.SortStableFunc(g.rules, func(a, b *categoryRule) int { return a.nearer(&b.origin) })
	for i, c := range inOrder {
		g.blocked = append(g.blocked, g.say(childSentence(c.Name+" is", r.contact), blockSentence(c, in.Name, r.contact)))
		g.warned = append(g.warned, g.say(childSentence(c.Name+" is", r.contact), warnSentence(c, r.contact)))
		if c.Locked {
			g.lockedChild = append(g.lockedChild, g.say(g.blocked[i], lockedSentence(c, r.contact)))
			g.locked = append(g.locked, lockedSentence(c, r.contact))
		}
	}
	g.unlisted = g.say(childSentence(thisPage, r.contact), unlistedSentence(in.Name, r.contact))
	g.engine = g.say(childSentence("A search without a safe mode is", r.contact), engineSentence(r.contact))
	return g
}

// inOrder is the order in which categories are tried, so that the gravest is the
// one named when a name is in several. The locked ones come first.
var inOrder = identity.Categories()

// say chooses what a member of the group is told.
func (g *group) say(child, adult string) string {
	if g.child {
		return child
	}
	return adult
}

// group finds a client's group.
func (r *Rules) group(id string) *group {
	if g := r.groups[id]; g != nil {
		return g
	}
	return r.unknown
}

// bitOf is the place of the gravest category of a set.
func bitOf(s identity.CategorySet) int { return bits.TrailingZeros64(uint64(s)) }
