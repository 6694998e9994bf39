package main

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stairgate/config/identity"
)

func TestBypassOpen(t *testing.T) {
	at := time.Date(2026, 3, 3, 10, 15, 0, 0, time.UTC)
	ip := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 168, 77, n}) }
	mac := func(n byte) identity.MAC { return identity.MAC{2, 0, 0, 0, 0, n} }
	d := &identity.Data{
		Groups: []identity.Group{
			{ID: "staff", Categories: identity.Blocking(identity.Gambling, identity.Bypass)},
			{ID: "warned", Categories: []identity.CategoryRule{{Action: identity.Warn, Of: []identity.Category{identity.Bypass}}}},
			{ID: "technician", Categories: identity.Blocking(identity.Gambling)},
			{ID: "children", AllowOnly: true, Child: true},
			{ID: "lunch", Categories: []identity.CategoryRule{
				{Action: identity.Allow, Of: []identity.Category{identity.Bypass}, When: "lunch"},
				{Action: identity.Block, Of: []identity.Category{identity.Bypass}},
			}},
		},
		Policy: identity.Filter{
			Clock:      "UTC",
			Timetables: []identity.Timetable{{ID: "lunch", Name: "Lunch", Slots: []identity.Slot{{Days: identity.Weekdays(), From: "12:00", To: "13:00"}}}},
			Rules:      []identity.Rule{{ID: "tunnel", Action: identity.Allow, Categories: []identity.Category{identity.Bypass}, Person: "Ada Byron"}},
			Unblocks: []identity.Unblock{
				{ID: 7, Category: identity.Bypass, Device: mac(4), From: at.Add(-time.Minute), Until: at.Add(20 * time.Minute)},
				{ID: 8, Name: "dns.google", Device: mac(1), From: at.Add(-time.Minute), Until: at.Add(20 * time.Minute)},
				{ID: 9, Category: identity.Bypass, Device: mac(8), From: at.Add(-time.Hour), Until: at.Add(-time.Minute)},
			},
		},
		Clients: []identity.Client{
			{Addr: ip(1), MAC: mac(1), Class: identity.Admitted, Group: "staff"}, // a name that was opened is not an address
			{Addr: ip(2), MAC: mac(2), Class: identity.Admitted, Group: "technician"},
			{Addr: ip(3), MAC: mac(3), Class: identity.Quarantined, Group: "technician"},
			{Addr: ip(4), MAC: mac(4), Class: identity.Admitted, Group: "staff"},
			{Addr: ip(5), MAC: mac(5), Class: identity.Admitted, Group: "children"},
			{Addr: ip(6), MAC: mac(6), Class: identity.Admitted, Group: "lunch"},
			{Addr: ip(7), MAC: mac(7), Class: identity.Admitted, Group: "staff", Person: "Ada Byron"},
			{Addr: ip(8), MAC: mac(8), Class: identity.Admitted, Group: "staff"},
			{Addr: ip(9), MAC: mac(9), Class: identity.Admitted, Group: "warned"},
			{Addr: ip(10), MAC: mac(10), Class: identity.Admitted, Group: "gone"},
		},
	}
	want := reach{ip(2): {}, ip(4): at.Add(20 * time.Minute), ip(7): {}}
	equal := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, bypassOpen(d, at), equal); diff != "" {
		t.Error(diff)
	}
	noon := at.Add(2 * time.Hour)
	if until, open := bypassOpen(d, noon)[ip(6)]; !open || !until.Equal(time.Date(2026, 3, 3, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("in the lunch break: %v until %v", open, until)
	}
	if _, open := bypassOpen(d, time.Date(2026, 3, 3, 13, 0, 0, 0, time.UTC))[ip(6)]; open {
		t.Error("open at the minute at which the break ends")
	}
	// Opened for somebody in whose break it is open anyway: the later end counts.
	d.Policy.Unblocks = []identity.Unblock{{ID: 10, Category: identity.Bypass, Device: mac(6), From: noon, Until: noon.Add(8 * time.Hour)}}
	if until := bypassOpen(d, noon)[ip(6)]; !until.Equal(noon.Add(8 * time.Hour)) {
		t.Errorf("opened beyond the break until %v", until)
	}
	d.Policy.Unblocks[0].Until = noon.Add(20 * time.Minute)
	if until := bypassOpen(d, noon)[ip(6)]; !until.Equal(time.Date(2026, 3, 3, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("opened for less than the break until %v", until)
	}
}

func TestLostReach(t *testing.T) {
	a, b := netip.MustParseAddr("192.168.77.1"), netip.MustParseAddr("192.168.77.2")
	for name, x := range map[string]struct {
		was, is reach
		want    bool
	}{
		"the first look":  {nil, reach{}, true},
		"nobody":          {reach{}, reach{}, false},
		"one came":        {reach{a: {}}, reach{a: {}, b: {}}, false},
		"one went":        {reach{a: {}, b: {}}, reach{b: {}}, true},
		"one for another": {reach{a: {}}, reach{b: {}}, true},
	} {
		if got := x.was.lost(x.is); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
