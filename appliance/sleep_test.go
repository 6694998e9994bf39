package main

import (
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dhcp"
)

// The loop turns at the moment at which something ends or begins, and not before.
func TestTheLoopWakesOnTime(t *testing.T) {
	now := time.Date(2026, 3, 3, 12, 59, 30, 0, time.UTC)
	lunch := identity.Filter{Clock: "UTC", Timetables: []identity.Timetable{{
		ID: "lunch", Name: "Lunch", Slots: []identity.Slot{{Days: identity.Weekdays(), From: "12:00", To: "13:00"}},
	}}}
	opened := func(until time.Time) identity.Filter {
		return identity.Filter{Unblocks: []identity.Unblock{{ID: 1, Until: until}}}
	}
	for name, x := range map[string]struct {
		now    time.Time
		failed bool
		filter identity.Filter
		leases []dhcp.Lease
		want   time.Duration
	}{
		"nothing is near":             {now: now, want: minute},
		"a timetable ends":            {now: now, filter: lunch, want: 30 * time.Second},
		"a timetable begins":          {now: now.Add(-time.Hour + 15*time.Second), filter: lunch, want: 15 * time.Second},
		"later than a minute":         {now: now.Add(-time.Minute), filter: lunch, want: minute},
		"at the moment itself":        {now: now.Add(30 * time.Second), filter: lunch, want: minute},
		"an opening ends":             {now: now, filter: opened(now.Add(7 * time.Second)), want: 7 * time.Second},
		"an opening is over":          {now: now, filter: opened(now), want: 10 * time.Millisecond},
		"a lease ends":                {now: now, leases: []dhcp.Lease{{Expires: now.Add(3 * time.Second)}}, want: 3 * time.Second},
		"something was left undone":   {now: now, failed: true, filter: lunch, want: again},
		"undone, and something is up": {now: now.Add(29 * time.Second), failed: true, filter: lunch, want: again},
	} {
		snap := identity.New(identity.Data{Policy: x.filter})
		if got := sleepFor(x.now, x.failed, snap, x.leases); got != x.want {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
	if got := sleepFor(now, false, nil, nil); got != minute {
		t.Errorf("before the first snapshot: %v", got)
	}
}
