package dhcp_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dhcp"
)

func TestSubnetsOfAConfiguration(t *testing.T) {
	printer := config.Reservation{MAC: mac(1), Addr: netip.MustParseAddr("10.1.0.9"), Name: "Printer"}
	cfg := config.Config{
		Zones: []config.Zone{
			{ID: "school", Name: "School", Address: netip.MustParsePrefix("10.1.0.1/24"), Pool: config.Pool{
				From: netip.MustParseAddr("10.1.0.50"), To: netip.MustParseAddr("10.1.0.250"), Lease: config.Duration(8 * time.Hour),
			}},
			{ID: "guest", Name: "Guests", Address: netip.MustParsePrefix("10.2.0.1/24")},
		},
		DNS:          config.DNS{Domain: "School.internal"},
		Time:         config.Time{Servers: []string{"pool.ntp.org", "192.0.2.1", "2001:db8::1"}},
		Portal:       config.Portal{Host: "gate"},
		Reservations: []config.Reservation{printer},
	}
	got := dhcp.SubnetsOf(cfg)
	want := []dhcp.Subnet{
		{
			Zone: "school", Name: "School", Interface: "br-school", Addr: netip.MustParsePrefix("10.1.0.1/24"),
			From: netip.MustParseAddr("10.1.0.50"), To: netip.MustParseAddr("10.1.0.250"), Lease: 8 * time.Hour,
			Domain: "school.internal", NTP: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
			Reservations: []config.Reservation{printer}, Taken: []string{"gate", "printer"},
		},
		{
			Zone: "guest", Name: "Guests", Interface: "br-guest", Addr: netip.MustParsePrefix("10.2.0.1/24"),
			Domain: "school.internal", NTP: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Taken: []string{"gate", "printer"},
		},
	}
	exact := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	exactPrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, got, exact, exactPrefix); diff != "" {
		t.Error(diff)
	}
	cfg.Portal.TLS = &config.TLS{Host: "gate.example.sch.uk"}
	if u := dhcp.SubnetsOf(cfg)[0].CaptiveURL; u != "https://gate.example.sch.uk/captive-portal/api" {
		t.Errorf("with a certificate option 114 is %q", u)
	}
}

func TestNamesOfLeases(t *testing.T) {
	a := netip.MustParseAddr("10.1.0.9")
	got := dhcp.Names([]dhcp.Lease{{Addr: a, Hostname: "printer"}, {Addr: a.Next()}}, "School.internal.")
	want := []identity.Name{{Name: "printer.school.internal", Addr: a}}
	if len(got) != 1 || got[0] != want[0] {
		t.Errorf("got %v, want %v", got, want)
	}
}
