package main

import (
	"net/netip"
	"slices"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dns/policy"
)

// foreseen is how far ahead an end is looked for. It is longer than our programs can be
// away while the box runs: until they are back the kernel closes by itself.
const foreseen = 24 * time.Hour

// reach is who reaches public resolvers by address, and until when.
type reach map[netip.Addr]time.Time

// bypassOpen says for whom the filter leaves ways round it open now, and until when
// (zero: no end is near). The firewall closes public resolvers by address to all
// others, so one setting governs their names and their addresses.
func bypassOpen(d *identity.Data, now time.Time) reach {
	rules := policy.Compile(d)
	open := func(c identity.Client, at time.Time) bool {
		return rules.Decide(policy.Question{Client: c, Set: identity.SetOf(identity.Bypass), Now: at}).Action == policy.Allow
	}
	changes := policy.Changes(&d.Policy, now, now.Add(foreseen))
	for _, u := range d.Policy.Unblocks {
		if u.Category == identity.Bypass && u.Until.After(now) {
			changes = append(changes, u.Until)
		}
	}
	slices.SortFunc(changes, time.Time.Compare)
	out := make(reach)
	for _, c := range d.Clients {
		if c.Class != identity.Admitted || !open(c, now) {
			continue
		}
		var end time.Time
		if i := slices.IndexFunc(changes, func(at time.Time) bool { return !open(c, at) }); i >= 0 {
			end = changes[i]
		}
		out[c.Addr] = end
	}
	return out
}

// lost reports whether somebody in r is not in now. Of r nil, from before the first look,
// nobody knows.
func (r reach) lost(now reach) bool {
	for addr := range r {
		if _, still := now[addr]; !still {
			return true
		}
	}
	return r == nil
}

// cut ends what runs to public resolvers when somebody has lost them: the rules that were
// just set refuse new connections only.
func (l *loop) cut(cfg config.Config, open reach) {
	if l.reached.lost(open) {
		_, err := l.b.firewall.Cut(cfg, open)
		l.b.ill("firewall.cut", err, "Connections to public resolvers that were closed may go on until they end by themselves.")
		if err != nil {
			return // the next turn tries again
		}
	}
	l.reached = open
}
