package main

import (
	"time"

	"stairgate/config/identity"
	"stairgate/dhcp"
	"stairgate/dns/policy"
)

// sleep is how long the loop may sleep by the clock after a turn.
func (l *loop) sleep(now time.Time) time.Duration {
	return sleepFor(now, l.failed.Load(), l.current.Load().snap, l.b.dhcp.Leases())
}

// sleepFor is the minute, or less when something ends or begins earlier. snap may be nil.
func sleepFor(now time.Time, failed bool, snap *identity.Snapshot, leases []dhcp.Lease) time.Duration {
	d, floor := minute, 10*time.Millisecond
	if failed {
		// What is over and cannot be taken back must not spin us.
		d, floor = again, again
	}
	earlier := func(t time.Time) {
		if !t.IsZero() {
			d = min(d, max(t.Sub(now), floor))
		}
	}
	if snap != nil {
		earlier(snap.NextExpiry())
		filter := &snap.Data().Policy
		for _, u := range filter.Unblocks {
			earlier(u.Until)
		}
		for _, at := range policy.Changes(filter, now, now.Add(d)) {
			earlier(at)
		}
	}
	for _, lease := range leases {
		if lease.Expires.After(now) {
			earlier(lease.Expires)
		}
	}
	return d
}
