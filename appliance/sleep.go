package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stairgate/appliance/network"
	"stairgate/config/identity"
	"stairgate/dhcp"
	"stairgate/dns/policy"
)

// reconcile turns the loop at every wake and by the clock.
func (b *box) reconcile(ctx context.Context) error {
	links, err := network.WatchLinks(ctx)
	if err != nil {
		return fmt.Errorf("watching the links: %w", err)
	}
	rules, err := b.firewall.Watch(ctx)
	if err != nil {
		return err
	}
	// The turn before this was made a moment ago, and what it did to the links comes
	// back as news: it can wait until dnsd and captived, who need the core now, answer.
	pause := time.NewTimer(firstLook)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-b.loop.wake:
	case <-b.wan.Changed():
	case <-b.config.Changed():
	case <-pause.C:
	}
	for {
		// Fetched before the turn: what changes during it is told by these.
		line, settings, lists := b.wan.Changed(), b.config.Changed(), b.lists.Changed()
		b.loop.Turn()
		t := time.NewTimer(b.loop.sleep(b.now()))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-b.loop.wake:
		case <-links:
		case _, ok := <-rules:
			if !ok && ctx.Err() == nil {
				return errors.New("the kernel no longer tells of changes to the rules")
			}
			b.loop.suspect.Store(true)
		case <-line:
		case <-settings:
		case <-lists:
		case <-t.C:
		}
		t.Stop()
	}
}

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
