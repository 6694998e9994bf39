package dns

import (
	"net/netip"

	"stairgate/dns/policy"
)

// A public name that leads to a private address lets a web page talk to printers,
// to cameras and to this box in the visitor's name ("DNS rebinding"). Such answers
// are blocked, unless the school named the exception.

// ruleRebind is the rule in the query log.
const ruleRebind = "rebind"

// Microsoft's connection check expects fd3e:4f5a:5b81::1 as the IPv6 address of this
// public name; without it Windows believes it is offline.
const windowsProbe = "dns.msftncsi.com"

// mayBePrivate reports whether the name asked for may lead inside. The names its
// answer leads through do not count: whoever owns one public name could point it at
// an excepted one.
func mayBePrivate(q *query) bool {
	if q.name == windowsProbe {
		return true
	}
	for _, zone := range q.snap.Data().RebindAllow {
		if under(q.name, normalise(zone)) {
			return true
		}
	}
	return false
}

func rebindVerdict(q *query) policy.Verdict {
	return policy.Verdict{
		Action: policy.Block,
		Rule:   ruleRebind,
		Sentence: "This name leads to an address inside a private network, which a public name never should. If it belongs to the school, ask " +
			policy.Contact(q.snap.Data().School.Contact) + " to add it to the exceptions.",
	}
}

// inwardRanges, besides what netip knows as private, loopback, link-local and
// unspecified.
var inwardRanges = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),     // "this network"; Linux takes 0.0.0.0 for itself
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT, and private networks built on it
	netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("fec0::/10"), // site-local, which some stacks still route
}

// Ranges that carry an IPv4 address inside an IPv6 one, and where in it.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::/96"), 12},        // IPv4-compatible
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4
}

// inward reports whether an address can only mean something on the inside.
func inward(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if a.IsPrivate() || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() {
		return true
	}
	for _, p := range inwardRanges {
		if p.Contains(a) {
			return true
		}
	}
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			b := a.As16()
			return inward(netip.AddrFrom4([4]byte(b[c.at : c.at+4])))
		}
	}
	return false
}
