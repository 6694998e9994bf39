package identity_test

import (
	"encoding/json"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stairgate/config/identity"
)

var (
	noon    = time.Date(2026, 9, 14, 12, 0, 0, 0, time.UTC)
	laptop  = identity.Client{Addr: netip.MustParseAddr("192.168.77.60"), MAC: identity.MAC{2, 0, 0, 0, 0, 1}, Zone: "school", Class: identity.Admitted, Group: "staff", Device: "Laptop 3", Person: "Amina Khan", Until: noon.Add(6 * time.Hour)}
	tablet  = identity.Client{Addr: netip.MustParseAddr("192.168.77.51"), MAC: identity.MAC{2, 0, 0, 0, 0, 2}, Zone: "school", Class: identity.Admitted, Group: "children", Device: "Tablet 1"}
	visitor = identity.Client{Addr: netip.MustParseAddr("192.168.78.20"), MAC: identity.MAC{2, 0, 0, 0, 0, 3}, Zone: "guest", Class: identity.Admitted, Group: "visitors", Person: "Sam Lee", Until: noon.Add(time.Hour)}
	phone   = identity.Client{Addr: netip.MustParseAddr("192.168.77.70"), MAC: identity.MAC{2, 0, 0, 0, 0, 4}, Zone: "school", Class: identity.Quarantined, Group: "staff", Waiting: true, Known: "Amina Khan", Until: noon.Add(time.Minute)}
)

// nursery is a small school at noon.
func nursery() identity.Data {
	return identity.Data{
		Version: 7,
		Time:    noon,
		School:  identity.School{Name: "Oakfield", Contact: "the office"},
		Zones: []identity.Zone{
			{ID: "school", Name: "School network", Prefix: netip.MustParsePrefix("192.168.77.0/24"), Addr: netip.MustParseAddr("192.168.77.1")},
			{ID: "guest", Name: "Visitors", Prefix: netip.MustParsePrefix("192.168.78.0/24"), Addr: netip.MustParseAddr("192.168.78.1")},
		},
		Groups: []identity.Group{
			{ID: "staff", Name: "Staff", Categories: identity.Blocking(identity.Gambling), Sign: true},
			{ID: "children", Name: "Children", Child: true},
			{ID: "visitors", Name: "Visitors", Sign: true},
		},
		Clients: []identity.Client{laptop, visitor, phone, tablet},
		Default: "staff",
		Domain:  "school.internal",
		Portal:  "gate.school.internal",
		Names: []identity.Name{
			{Name: "gate.school.internal", Addr: netip.MustParseAddr("192.168.77.1")},
			{Name: "box.school.internal", Addr: netip.MustParseAddr("192.168.77.1")},
		},
		Upstreams:   []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")},
		RebindAllow: []string{"files.example.org"},
		AUP:         identity.Policy{Version: "1", Title: "Policy", Clauses: []string{"I behave."}, SHA256: "00"},
		Refusal:     "The disk is full.",
	}
}

func TestLookup(t *testing.T) {
	s := identity.New(nursery())
	for _, c := range []struct {
		name string
		addr string
		want identity.Client
		held bool
	}{
		{"somebody signed in", "192.168.77.60", laptop, true},
		{"somebody waiting", "192.168.77.70", phone, true},
		{"the same, as a dual-stack socket writes it", "::ffff:192.168.77.60", laptop, true},
		{"nobody, in a zone", "192.168.78.99", identity.Client{Addr: netip.MustParseAddr("192.168.78.99"), Zone: "guest", Class: identity.Quarantined, Group: "staff"}, false},
		{"nobody, in no zone", "10.0.0.1", identity.Client{Addr: netip.MustParseAddr("10.0.0.1"), Class: identity.Quarantined, Group: "staff"}, false},
		{"IPv6, which no zone has", "2001:db8::1", identity.Client{Addr: netip.MustParseAddr("2001:db8::1"), Class: identity.Quarantined, Group: "staff"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, held := s.Lookup(netip.MustParseAddr(c.addr))
			if got != c.want || held != c.held {
				t.Errorf("got %+v, %t; want %+v, %t", got, held, c.want, c.held)
			}
		})
	}
}

// An address that is none (an error elsewhere) must not be let in.
func TestLookupOfNoAddress(t *testing.T) {
	got, held := identity.New(nursery()).Lookup(netip.Addr{})
	if held || got.Class != identity.Quarantined || got.Zone != "" {
		t.Errorf("got %+v, %t", got, held)
	}
}

// What a caller does with the answer is the caller's affair.
func TestLookupReturnsACopy(t *testing.T) {
	s := identity.New(nursery())
	c, _ := s.Lookup(laptop.Addr)
	c.Class = identity.Quarantined
	if again, _ := s.Lookup(laptop.Addr); again != laptop {
		t.Errorf("the snapshot changed: %+v", again)
	}
}

func TestMembersInAddressOrder(t *testing.T) {
	s := identity.New(nursery())
	want := []identity.Client{tablet, laptop, visitor} // not the phone: it waits
	if got := s.Members(); !cmp.Equal(want, got, comparers) {
		t.Error(cmp.Diff(want, got, comparers))
	}
	if got := s.Data().Clients[0]; got != laptop {
		t.Error("Members sorted the snapshot itself")
	}
	if got := identity.New(identity.Data{}).Members(); len(got) != 0 {
		t.Errorf("members of an empty school: %v", got)
	}
}

func TestNextExpiry(t *testing.T) {
	if got := identity.New(nursery()).NextExpiry(); !got.Equal(visitor.Until) {
		t.Errorf("got %s, want %s: the earliest of those who are in", got, visitor.Until)
	}
	d := nursery()
	d.Clients = []identity.Client{tablet, phone}
	if got := identity.New(d).NextExpiry(); !got.IsZero() {
		t.Errorf("nobody's session ends, but got %s", got)
	}
}

func TestNames(t *testing.T) {
	s := identity.New(nursery())
	if a, ok := s.Resolve("box.school.internal"); !ok || a != netip.MustParseAddr("192.168.77.1") {
		t.Errorf("got %s, %t", a, ok)
	}
	if _, ok := s.Resolve("printer.school.internal"); ok {
		t.Error("a name that nobody has")
	}
	if n, ok := s.Host(netip.MustParseAddr("::ffff:192.168.77.1")); !ok || n != "gate.school.internal" {
		t.Errorf("got %s, %t; the first name counts", n, ok)
	}
	if _, ok := s.Host(netip.MustParseAddr("192.168.77.2")); ok {
		t.Error("an address that has no name")
	}
}

func TestGroup(t *testing.T) {
	s := identity.New(nursery())
	if g, ok := s.Group("children"); !ok || !g.Child {
		t.Errorf("got %+v, %t", g, ok)
	}
	if _, ok := s.Group("parents"); ok {
		t.Error("a group that does not exist")
	}
}

func TestZoneOf(t *testing.T) {
	s := identity.New(nursery())
	if z, ok := s.ZoneOf(netip.MustParseAddr("192.168.78.255")); !ok || z.ID != "guest" {
		t.Errorf("got %+v, %t", z, ok)
	}
	if _, ok := s.ZoneOf(netip.MustParseAddr("192.168.79.0")); ok {
		t.Error("an address in no zone")
	}
}

// A snapshot travels over the wire and answers the same at the other end.
func TestSnapshotJSON(t *testing.T) {
	before := identity.New(nursery())
	b, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after identity.Snapshot
	if err := json.Unmarshal(b, &after); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.Data(), after.Data(), comparers); diff != "" {
		t.Error(diff)
	}
	if got, ok := after.Lookup(laptop.Addr); !ok || got != laptop || after.Version() != 7 {
		t.Errorf("after the journey: %+v, %t", got, ok)
	}
	if err := json.Unmarshal([]byte(`{"clients": [{"addr": "nowhere"}]}`), &after); err == nil {
		t.Error("took an address that is none")
	}
	if got := after.Version(); got != 7 {
		t.Error("a snapshot that could not be read replaced a good one")
	}
}

// The promise of the package: any number of goroutines.
func TestSnapshotIsShared(t *testing.T) {
	s := identity.New(nursery())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				s.Lookup(laptop.Addr)
				s.Members()
				s.NextExpiry()
				s.Resolve("gate.school.internal")
			}
		})
	}
	wg.Wait()
}

// A query must cost no allocation: this runs for every DNS question.
func TestLookupDoesNotAllocate(t *testing.T) {
	s := identity.New(nursery())
	if n := testing.AllocsPerRun(100, func() { s.Lookup(laptop.Addr) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

var comparers = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, netip.AddrPort{})
