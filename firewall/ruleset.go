package firewall

import "fmt"

// TableName is the one table this box has, in family inet: both IP versions
// pass through the same rules, so neither can be forgotten.
const TableName = "stairgate"

// Names of the sets whose elements come and go; everything else in the table
// stays as it is until the configuration changes.
const (
	// SetAdmitted holds hardware address . IPv4 address of everybody who is
	// online. The kernel takes an element out when its session ends.
	SetAdmitted = "admitted"
	// SetReturning holds the addresses of the same clients: answers from outside
	// pass to them only. A packet on the way back carries no hardware address of
	// ours, so it needs a set of its own.
	SetReturning = "returning"
	// SetAdmin holds hardware address . IPv4 address of those who may open the
	// admin pages.
	SetAdmin = "admin"
	// SetAdminOpen holds the box's own addresses at which every device of that
	// zone may open the admin pages: at set-up and in the rescue window.
	SetAdminOpen = "admin_open"
	// SetBypass holds hardware address . IPv4 address of those whose filter leaves
	// ways round it open: they reach public resolvers by address too.
	SetBypass = "bypass"
)

// Ruleset is everything the kernel should hold.
type Ruleset struct {
	Sets   []Set
	Chains []Chain
}

// Set is a named set of keys, each with or without a timeout.
type Set struct {
	Name     string
	Key      []Datatype // several: a concatenation
	Timeout  bool       // elements may leave by themselves
	Interval bool       // elements are ranges (RangeKey)
	Elements []Element  // in the order in which nft lists them
}

// Find returns the set of that name.
func (rs Ruleset) Find(name string) (Set, bool) {
	for _, s := range rs.Sets {
		if s.Name == name {
			return s, true
		}
	}
	return Set{}, false
}

// Chain finds a chain by its name.
func (rs Ruleset) Chain(name string) (Chain, bool) {
	for _, c := range rs.Chains {
		if c.Name == name {
			return c, true
		}
	}
	return Chain{}, false
}

// Hook says where in the kernel a base chain hangs.
type Hook string

// The hooks in use. Each one costs every packet that passes it: there is none in
// forward's way but forward itself, and NAT sees the first packet of a flow only.
const (
	Input       Hook = "input"
	Forward     Hook = "forward"
	Output      Hook = "output"
	Prerouting  Hook = "prerouting"
	Postrouting Hook = "postrouting"
)

// NAT reports whether the base chain at h translates addresses; the others filter.
func (h Hook) NAT() bool { return h == Prerouting || h == Postrouting }

// Chain is a list of rules. A chain with a hook is a base chain and ends in its
// policy; one without is reached by goto.
type Chain struct {
	Name  string
	Hook  Hook
	Rules []Rule
}

// Policy is what happens to a packet that no rule of a base chain decides.
func (c Chain) Policy() VerdictKind {
	if c.Hook.NAT() {
		return Accept // no translation; the filter chains decide
	}
	return Drop
}

// Rule is a list of matches, all of which must hold, and what happens then.
type Rule struct {
	Match   []Match
	Count   bool // packets; it changes nothing
	Verdict Verdict
	Comment string // why, in a few words; it stands in the kernel's listing too
}

// VerdictKind is what a rule does with a packet.
type VerdictKind string

// The verdicts.
const (
	Accept     VerdictKind = "accept"
	Drop       VerdictKind = "drop"
	Goto       VerdictKind = "goto"
	Reset      VerdictKind = "reject with tcp reset"
	Prohibited VerdictKind = "reject with icmpx admin-prohibited"
	Redirect   VerdictKind = "redirect"
	Masquerade VerdictKind = "masquerade"
)

// Verdict is a kind and, for some kinds, where to.
type Verdict struct {
	Kind  VerdictKind
	Chain string // Goto
	Port  uint16 // Redirect: a port of the box
}

// String is the verdict's nft syntax.
func (v Verdict) String() string {
	switch v.Kind {
	case Goto:
		return "goto " + v.Chain
	case Redirect:
		return fmt.Sprintf("redirect to :%d", v.Port)
	default:
		return string(v.Kind)
	}
}
