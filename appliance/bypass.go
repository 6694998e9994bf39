package main

import (
	"net/netip"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/policy"
)

// bypassOpen says for whom the filter leaves ways round it open now, and until when
// (zero: no end is known). The firewall closes public resolvers by address to all
// others, so one setting governs their names and their addresses.
func bypassOpen(d *identity.Data, now time.Time) map[netip.Addr]time.Time {
	rules := policy.Compile(d)
	ends := make(map[string]time.Time, len(d.Policy.Unblocks))
	for _, u := range d.Policy.Unblocks {
		ends[policy.UnblockRule(u)] = u.Until
	}
	out := make(map[netip.Addr]time.Time)
	for _, c := range d.Clients {
		v := rules.Decide(policy.Question{Client: c, Set: identity.SetOf(identity.Bypass), Now: now})
		if c.Class == identity.Admitted && v.Action == policy.Allow {
			out[c.Addr] = ends[v.Rule]
		}
	}
	return out
}
