package main

import (
	"net/netip"
	"testing"
	"time"

	"stairgate/appliance/records"
	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dhcp"
	"stairgate/dns/policy"
)

var (
	monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	phone  = identity.MAC{0x00, 0x16, 0x3e, 0, 0, 1}
	addr   = netip.MustParseAddr("192.168.77.100")
)

// here is a device with a lease, and what is on file about it.
func here(change func(*inputs)) identity.Client {
	in := inputs{
		Config: config.Factory(),
		Leases: []dhcp.Lease{{Addr: addr, MAC: phone, Zone: "school", Hostname: "phone", Starts: monday, Expires: monday.Add(time.Hour)}},
		Now:    monday,
		Zone:   time.UTC,
	}
	change(&in)
	c, _ := identity.New(derive(in)).Lookup(addr)
	return c
}

func session(in *inputs, until time.Time) {
	in.Sessions = append(in.Sessions, records.Session{MAC: phone, FullName: "Ada Byron", Addr: addr, Started: monday.Add(-time.Hour), Until: until})
}

func device(in *inputs, state records.State, group string) {
	in.Devices = append(in.Devices, records.Device{MAC: phone, Name: "Ada's phone", Group: group, State: state})
}

// Who is admitted: the table is the requirement.
func TestAdmission(t *testing.T) {
	later := monday.Add(time.Hour)
	for _, c := range []struct {
		name    string
		in      func(*inputs)
		class   identity.Class
		group   string
		waiting bool
	}{
		{"nobody knows it", func(*inputs) {}, identity.Quarantined, "staff", false},
		{"signed, not approved", func(in *inputs) { session(in, later) }, identity.Quarantined, "staff", true},
		{"approved, not signed", func(in *inputs) { device(in, records.Approved, "staff") }, identity.Quarantined, "staff", false},
		{"approved and signed", func(in *inputs) { device(in, records.Approved, "staff"); session(in, later) }, identity.Admitted, "staff", false},
		{"approved for a group that does not sign", func(in *inputs) { device(in, records.Approved, "children") }, identity.Admitted, "children", false},
		{"revoked, with a session left over", func(in *inputs) { device(in, records.Revoked, "staff"); session(in, later) }, identity.Quarantined, "staff", false},
		{"the session is over", func(in *inputs) { device(in, records.Approved, "staff"); session(in, monday) }, identity.Quarantined, "staff", false},
		{"the lease is over", func(in *inputs) {
			device(in, records.Approved, "children")
			in.Leases[0].Expires = monday
		}, identity.Quarantined, "staff", false},
		{"its group is no longer configured", func(in *inputs) { device(in, records.Approved, "no-such-group"); session(in, later) }, identity.Admitted, "staff", false},
		{"a signature is enough", func(in *inputs) {
			in.Config.Portal.Approval = config.ApprovalSignature
			session(in, later)
		}, identity.Admitted, "staff", false},
		{"a signature is enough, but it was revoked", func(in *inputs) {
			in.Config.Portal.Approval = config.ApprovalSignature
			device(in, records.Revoked, "staff")
			session(in, later)
		}, identity.Quarantined, "staff", false},
		{"a waiting device's wish for a group is not heard", func(in *inputs) { device(in, records.Waiting, "technician") }, identity.Quarantined, "staff", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := here(c.in)
			if got.Class != c.class || got.Group != c.group || got.Waiting != c.waiting {
				t.Errorf("class %s, group %s, waiting %v; want %s, %s, %v", got.Class, got.Group, got.Waiting, c.class, c.group, c.waiting)
			}
		})
	}
}

// A copied hardware address on another port is not the device: the lease its
// session began on is, and without a session the older one.
func TestTheSameHardwareAddressTwice(t *testing.T) {
	in := inputs{Config: config.Factory(), Now: monday, Zone: time.UTC}
	guest := in.Config.Zones[0]
	guest.ID, guest.Address = "guest", netip.MustParsePrefix("192.168.78.1/24")
	in.Config.Zones = append(in.Config.Zones, guest)
	copied := netip.MustParseAddr("192.168.78.100")
	in.Leases = []dhcp.Lease{
		{Addr: addr, MAC: phone, Zone: "school", Starts: monday.Add(-time.Hour), Expires: monday.Add(time.Hour)},
		{Addr: copied, MAC: phone, Zone: "guest", Starts: monday, Expires: monday.Add(time.Hour)},
	}
	device(&in, records.Approved, "staff")
	classes := func() (here, there identity.Class) {
		s := identity.New(derive(in))
		a, _ := s.Lookup(addr)
		b, _ := s.Lookup(copied)
		return a.Class, b.Class
	}
	session(&in, monday.Add(time.Hour))
	if here, there := classes(); here != identity.Admitted || there != identity.Quarantined {
		t.Errorf("the device is %s, the copy %s", here, there)
	}
	in.Sessions[0].Addr = copied // the device has moved, and signed in there
	if here, there := classes(); here != identity.Quarantined || there != identity.Admitted {
		t.Errorf("after a move the old place is %s, the new one %s", here, there)
	}
	in.Sessions, in.Devices[0].Group = nil, "children"
	if here, there := classes(); here != identity.Admitted || there != identity.Quarantined {
		t.Errorf("without a session the device is %s, the copy %s", here, there)
	}
}

// A lease in a zone that is configured no more makes nobody a client.
func TestLeaseOfAVanishedZone(t *testing.T) {
	in := inputs{Config: config.Factory(), Now: monday, Zone: time.UTC, Leases: []dhcp.Lease{{Addr: addr, MAC: phone, Zone: "gone", Expires: monday.Add(time.Hour)}}}
	if d := derive(in); len(d.Clients) != 0 {
		t.Errorf("clients: %v", d.Clients)
	}
}

// Sessions end when the school closes, on the clock on its wall, also on the
// days on which that clock is changed.
func TestSessionEnd(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, london)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	p := config.Portal{SessionMax: config.Duration(12 * time.Hour), SessionsEnd: "18:30"}
	for _, c := range []struct{ now, end string }{
		{"2026-11-23 08:00", "2026-11-23 18:30"},
		{"2026-11-23 18:29", "2026-11-23 18:30"},
		{"2026-11-23 18:30", "2026-11-24 06:30"}, // closed: the longest session, not none
		{"2026-03-29 00:30", "2026-03-29 13:30"}, // the night has 23 hours: twelve hours later it is 13:30
		{"2026-03-29 08:00", "2026-03-29 18:30"},
		{"2026-10-25 08:00", "2026-10-25 18:30"},
	} {
		got, err := sessionEnd(p, london, at(c.now))
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(at(c.end)) {
			t.Errorf("from %s until %s, want %s", c.now, got.In(london).Format("2006-01-02 15:04"), c.end)
		}
	}
	if _, err := sessionEnd(config.Portal{SessionsEnd: "half past six"}, london, monday); err == nil {
		t.Error("a closing time that is none was accepted")
	}
}

// What the school decided travels to the filter: rules and openings name people
// as somebody typed them, and reach them however they wrote their own name.
func TestTheFilterComesAlong(t *testing.T) {
	d := derive(inputs{
		Zone: time.UTC,
		Config: func() config.Config {
			c := config.Factory()
			c.Filter.Rules = []identity.Rule{
				{ID: "ada", Action: identity.Allow, Names: []string{"a.example"}, Person: "ada  O'BYRON"},
				{ID: "bob", Action: identity.Allow, Names: []string{"b.example"}, Person: "Bob Roe"},
			}
			return c
		}(),
		Leases:   []dhcp.Lease{{Addr: addr, MAC: phone, Zone: "school", Starts: monday, Expires: monday.Add(time.Hour)}},
		Devices:  []records.Device{{MAC: phone, Group: "staff", State: records.Approved}},
		Sessions: []records.Session{{MAC: phone, FullName: "Ada O’Byron", Addr: addr, Started: monday, Until: monday.Add(time.Hour)}},
		Unblocks: []identity.Unblock{
			{ID: 1, Name: "c.example", Person: "ADA O’BYRON", From: monday.Add(-time.Hour), Until: monday.Add(time.Minute)},
			{ID: 2, Name: "d.example", Device: phone, From: monday.Add(-time.Hour), Until: monday},
		},
		Now: monday,
	})
	if d.Policy.Clock != "Europe/London" || len(d.Policy.Timetables) != 2 {
		t.Errorf("%+v", d.Policy)
	}
	if len(d.Policy.Unblocks) != 1 || d.Policy.Unblocks[0].Person != "Ada O’Byron" {
		t.Errorf("openings %+v", d.Policy.Unblocks)
	}
	rules := policy.Compile(&d)
	c, _ := identity.New(d).Lookup(addr)
	for name, want := range map[string]string{"a.example": "rule/ada", "b.example": "default", "c.example": "open/1", "d.example": "default"} {
		if v := rules.Decide(policy.Question{Client: c, Name: name, Now: monday}); v.Rule != want {
			t.Errorf("%s: %+v, want %s", name, v, want)
		}
	}
}
