//go:build kernel

package network

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"stairgate/config"
)

// applied is everything the kernel knows that Apply may change.
func applied(t *testing.T, p Plan) string {
	t.Helper()
	return linkTable(t) + addressTable(t) + routeTable(t) + settings(t, p)
}

// settings reads the plan's settings back. Those that not every kernel has must
// be right where they are, and are no part of a golden.
func settings(t *testing.T, p Plan) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(p.Settings()) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), " = ")
		want, optional := strings.CutSuffix(rest, " (where there is one)")
		v, err := os.ReadFile(filepath.Join(sysctlRoot, key))
		switch {
		case !optional && err != nil:
			t.Errorf("%s: %v", key, err)
		case !optional:
			fmt.Fprintf(&b, "%s = %s", key, v)
		case err == nil && strings.HasPrefix(key, "net/ipv6/") && strings.TrimSpace(string(v)) != want:
			t.Errorf("%s = %s", key, v)
		}
	}
	v, err := os.ReadFile(filepath.Join(sysctlRoot, ipForward))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%s = %s", ipForward, v)
	return b.String()
}

// silence fails the test if the kernel announces any change of a link, an
// address or a route until the returned function is called.
func silence(t *testing.T) func() {
	t.Helper()
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer s.Close()
		// Announcements are queued before the change returns: a mark after them
		// tells that all have been read.
		run(t, "ip link add mark type bridge")
		defer run(t, "ip link del mark")
		for {
			msgs, _, err := s.Receive()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range msgs {
				l, err := netlink.LinkDeserialize(nil, m.Data)
				if m.Header.Type == unix.RTM_NEWLINK && err == nil && l.Attrs().Name == "mark" {
					return
				}
				t.Errorf("the kernel announced a change: type %d, %+v", m.Header.Type, l)
			}
		}
	}
}

func TestApplyTwice(t *testing.T) {
	for _, s := range stories(t, "apply") {
		t.Run(s.name(), func(t *testing.T) {
			box(t, s.ports()...)
			p := Compile(s.config(t), s.ports(), s.lease(t))
			p.Forward, p.ResolvFile = true, filepath.Join(t.TempDir(), "resolv.conf")
			changed, err := Apply(p)
			if err != nil || !changed {
				t.Fatalf("the first time: changed %v, %v", changed, err)
			}
			// Ports learn about their cables a little later than Apply returns.
			settled(t, p)
			first := applied(t, p)
			s.expect(t, "link", linkTable(t))
			s.expect(t, "address", addressTable(t))
			s.expect(t, "route", routeTable(t))
			s.expect(t, "sysctl", settings(t, p))
			text, err := os.ReadFile(p.ResolvFile)
			if err != nil {
				t.Fatal(err)
			}
			s.expect(t, "resolv.conf", string(text))

			heard := silence(t)
			changed, err = Apply(p)
			if err != nil || changed {
				t.Errorf("the second time: changed %v, %v", changed, err)
			}
			heard()
			if diff := cmp.Diff(first, applied(t, p)); diff != "" {
				t.Errorf("the second time changed the kernel:\n%s", diff)
			}
			if problems := Problems(p); len(problems) != 0 {
				t.Errorf("problems after Apply: %v", problems)
			}
		})
	}
}

// settled waits until every port of the plan has noticed its cable.
func settled(t *testing.T, p Plan) {
	t.Helper()
	names := []string{p.WAN.Port}
	for _, br := range p.Bridges {
		if len(br.Ports) > 0 {
			names = append(names, br.Name)
		}
		for _, port := range br.Ports {
			names = append(names, port.Name)
		}
	}
	eventually(t, "every port has a signal", func() bool {
		for _, n := range names {
			l, err := netlink.LinkByName(n)
			if err != nil || l.Attrs().OperState != netlink.OperUp {
				return false
			}
		}
		return true
	})
}

// eventually waits for a condition that link events and time bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not in 20 s: %s", what)
		case <-tick.C:
		}
	}
}

func mustApply(t *testing.T, p Plan) {
	t.Helper()
	if _, err := Apply(p); err != nil {
		t.Fatal(err)
	}
}

func twoZones() config.Config {
	return config.Config{
		WAN: config.WAN{Port: "eth0", Mode: config.WANDHCP},
		Zones: []config.Zone{
			{ID: "school", Name: "School", Kind: config.ZoneSchool, Ports: []string{"eth1", "eth2"}, Address: netip.MustParsePrefix("192.168.77.1/24")},
			{ID: "guest", Name: "Visitors", Kind: config.ZoneGuest, Ports: []string{"eth3"}, Address: netip.MustParsePrefix("192.168.78.1/24")},
		},
	}
}

func link(t *testing.T, name string) *netlink.LinkAttrs {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs()
}

func TestAZoneComesAndGoes(t *testing.T) {
	box(t, "eth0", "eth1", "eth2", "eth3")
	cfg := twoZones()
	ports := []string{"eth0", "eth1", "eth2", "eth3"}
	one := cfg
	one.Zones = cfg.Zones[:1]
	mustApply(t, Compile(one, ports, nil))
	before := link(t, "br-school")
	untouched := link(t, "eth3")

	mustApply(t, Compile(cfg, ports, nil))
	if link(t, "eth3").MasterIndex != link(t, "br-guest").Index {
		t.Error("eth3 is not in the visitors' bridge")
	}
	mustApply(t, Compile(one, ports, nil))
	if _, err := netlink.LinkByName("br-guest"); !isGone(err) {
		t.Errorf("br-guest is still there: %v", err)
	}
	after := link(t, "eth3")
	if after.MasterIndex != 0 || after.Alias != "" || after.Flags&net.FlagUp != 0 || untouched.Flags&net.FlagUp != 0 {
		t.Errorf("eth3 was not given back: %+v", after)
	}
	if now := link(t, "br-school"); now.Index != before.Index || now.HardwareAddr.String() != before.HardwareAddr.String() {
		t.Error("br-school was made anew")
	}
}

func TestABridgeKeepsItsHardwareAddress(t *testing.T) {
	box(t, "eth0", "eth2")
	cfg := twoZones()
	cfg.Zones = cfg.Zones[:1]
	mustApply(t, Compile(cfg, []string{"eth0", "eth2"}, nil))
	before := link(t, "br-school").HardwareAddr.String()
	// The lowest address of all: the kernel's own choice would be this one.
	run(t, "ip link add eth1 address 02:00:00:00:00:00 type veth peer name far-eth1 netns %s", outside)
	ports, err := Ports()
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, Compile(cfg, ports, nil))
	if link(t, "eth1").MasterIndex != link(t, "br-school").Index {
		t.Fatal("eth1 did not join")
	}
	if after := link(t, "br-school").HardwareAddr.String(); after != before {
		t.Errorf("the bridge's hardware address went from %s to %s", before, after)
	}
}

func TestAPortAppearsLater(t *testing.T) {
	box(t, "eth0", "eth1")
	cfg := twoZones()
	events, err := WatchLinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wake := func() Plan {
		ports, err := Ports()
		if err != nil {
			t.Fatal(err)
		}
		p := Compile(cfg, ports, nil)
		mustApply(t, p)
		return p
	}
	p := wake()
	if s := Problems(p)["port.eth2"]; !strings.Contains(s, "port eth2") || !strings.Contains(s, "eth0 and eth1") {
		t.Errorf("the sentence about eth2 is %q", s)
	}
	plug(t, "eth2", 3)
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-events:
		case <-deadline:
			t.Fatal("no link event")
		}
		p = wake()
		l, err := netlink.LinkByName("eth2")
		if err == nil && l.Attrs().MasterIndex == link(t, "br-school").Index && Problems(p)["port.eth2"] == "" {
			break
		}
	}
	// And goes again.
	run(t, "ip link del eth2")
	for Problems(wake())["port.eth2"] == "" {
		select {
		case <-events:
		case <-deadline:
			t.Fatal("no link event")
		}
	}
}

func TestOneBrokenPortDoesNotStopTheOthers(t *testing.T) {
	box(t, "eth0", "eth1", "eth3")
	// The plan believes in eth2, which has been pulled out since.
	p := Compile(twoZones(), []string{"eth0", "eth1", "eth2", "eth3"}, nil)
	_, err := Apply(p)
	if err == nil || !strings.Contains(err.Error(), "eth2") {
		t.Errorf("no error names eth2: %v", err)
	}
	for port, bridge := range map[string]string{"eth1": "br-school", "eth3": "br-guest"} {
		if link(t, port).MasterIndex != link(t, bridge).Index {
			t.Errorf("%s is not in %s", port, bridge)
		}
	}
	if s := Problems(p)["port.eth2"]; !strings.Contains(s, "eth2") {
		t.Errorf("the sentence about eth2 is %q", s)
	}
}

func TestForeignLinksStay(t *testing.T) {
	box(t, "eth0", "eth1", "eth2", "eth3")
	run(t, "ip link add br-foreign type bridge")
	// A virtual cable that no zone names, as a laboratory has them.
	run(t, "ip link add lab0 type veth peer name far-lab0 netns %s", outside)
	run(t, "ip addr add 172.31.0.1/24 dev br-foreign")
	run(t, "ip link set br-foreign up")
	run(t, "ip link set lab0 up")
	run(t, "ip addr add 172.30.0.1/24 dev lab0")
	run(t, "ip route add 172.29.0.0/16 via 172.30.0.2")
	cfg := twoZones()
	p := Compile(cfg, []string{"eth0", "eth1", "eth2", "eth3"}, lineLease("203.0.113.9/24", "203.0.113.1"))
	mustApply(t, p)
	mustApply(t, Compile(config.Config{WAN: cfg.WAN}, []string{"eth0", "eth1", "eth2", "eth3"}, nil))
	got := addressTable(t) + routeTable(t)
	for _, want := range []string{"br-foreign inet 172.31.0.1/24", "lab0 inet 172.30.0.1/24", "172.29.0.0/16 via 172.30.0.2"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is gone:\n%s", want, got)
		}
	}
	if strings.Contains(got, "eth0") {
		t.Errorf("the broadband port kept something:\n%s", got)
	}
}

func lineLease(addr, gateway string) *WANLease {
	return &WANLease{Addr: netip.MustParsePrefix(addr), Gateway: netip.MustParseAddr(gateway)}
}

// An address that stays is never removed on the way, and one that changes
// leaves no moment without a default route.
func TestAddressesChangeWithoutAGap(t *testing.T) {
	box(t, "eth0", "eth1")
	cfg := twoZones()
	ports := []string{"eth0", "eth1"}
	mustApply(t, Compile(cfg, ports, lineLease("203.0.113.9/24", "203.0.113.1")))
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// The same subnet: the new address is the second one while both are there.
	mustApply(t, Compile(cfg, ports, lineLease("203.0.113.10/24", "203.0.113.1")))
	if got, want := addressTable(t), "eth0 inet 203.0.113.10/24 brd 203.0.113.255 global forever\n"; !strings.Contains(got, want) || strings.Contains(got, "203.0.113.9/") {
		t.Errorf("addresses:\n%s", got)
	}
	// Only the gateway.
	mustApply(t, Compile(cfg, ports, lineLease("203.0.113.10/24", "203.0.113.2")))
	if got, want := routeTable(t), "default via 203.0.113.2 dev eth0 proto 83 src 203.0.113.10\n"; !strings.Contains(got, want) || strings.Count(got, "default") != 1 {
		t.Errorf("routes:\n%s", got)
	}
	// Another subnet.
	mustApply(t, Compile(cfg, ports, lineLease("198.51.100.7/24", "198.51.100.1")))
	if got, want := routeTable(t), "default via 198.51.100.1 dev eth0 proto 83 src 198.51.100.7\n"; !strings.Contains(got, want) {
		t.Errorf("routes:\n%s", got)
	}
	run(t, "ip link add mark type bridge")
	for {
		msgs, _, err := s.Receive()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			if m.Header.Type == unix.RTM_NEWLINK {
				if l, err := netlink.LinkDeserialize(nil, m.Data); err == nil && l.Attrs().Name == "mark" {
					return
				}
			}
			if msg := nl.DeserializeRtMsg(m.Data); m.Header.Type == unix.RTM_DELROUTE && msg.Dst_len == 0 && msg.Family == unix.AF_INET {
				t.Error("the default route was removed on the way")
			}
		}
	}
}

func TestTheBroadbandPortMoves(t *testing.T) {
	box(t, "eth0", "eth1", "eth2", "eth3")
	cfg := twoZones()
	ports := []string{"eth0", "eth1", "eth2", "eth3"}
	mustApply(t, Compile(cfg, ports, lineLease("203.0.113.9/24", "203.0.113.1")))
	// eth0 becomes a port of the school, eth1 leads to the broadband line.
	cfg.WAN.Port = "eth1"
	cfg.Zones[0].Ports = []string{"eth0", "eth2"}
	p := Compile(cfg, ports, lineLease("203.0.113.9/24", "203.0.113.1"))
	mustApply(t, p)
	if link(t, "eth0").MasterIndex != link(t, "br-school").Index || link(t, "eth1").MasterIndex != 0 {
		t.Error("the ports did not change places")
	}
	if got := addressTable(t) + routeTable(t); strings.Contains(got, "eth0") || !strings.Contains(got, "default via 203.0.113.1 dev eth1") {
		t.Errorf("got\n%s", got)
	}
	if changed, err := Apply(p); changed || err != nil {
		t.Errorf("once more: %v, %v", changed, err)
	}
}

func TestForwardingIsClosedUnlessAsked(t *testing.T) {
	box(t, "eth0", "eth1")
	forwarding := func() string {
		b, err := os.ReadFile(filepath.Join(sysctlRoot, ipForward))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	if err := write(filepath.Join(sysctlRoot, ipForward), "1"); err != nil {
		t.Fatal(err)
	}
	p := Compile(twoZones(), []string{"eth0", "eth1"}, nil)
	for _, step := range []struct {
		forward, changed bool
		want             string
	}{{false, true, "0"}, {false, false, "0"}, {true, true, "1"}, {true, false, "1"}, {false, true, "0"}} {
		p.Forward = step.forward
		changed, err := Apply(p)
		if err != nil || changed != step.changed || forwarding() != step.want {
			t.Errorf("Forward %v: changed %v, forwarding %s, %v", step.forward, changed, forwarding(), err)
		}
	}
}

func TestAMissingHardeningKeepsForwardingClosed(t *testing.T) {
	box(t, "eth0", "eth1")
	p := Compile(twoZones(), []string{"eth0", "eth1"}, nil)
	mustApply(t, p)
	p.Sysctls = append(p.Sysctls, Sysctl{Key: "net/ipv4/no_such_setting", Value: "1"})
	p.Forward = true
	if _, err := Apply(p); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("error %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(sysctlRoot, ipForward)); err != nil || string(b) != "0\n" {
		t.Errorf("forwarding is %q, %v", b, err)
	}
	p.Sysctls[len(p.Sysctls)-1].Optional = true
	if _, err := Apply(p); err != nil {
		t.Errorf("an optional setting that is missing: %v", err)
	}
}

func TestVisitorsDoNotReachEachOther(t *testing.T) {
	box(t, "eth0", "eth1", "eth2", "eth3")
	cfg := twoZones()
	cfg.Zones[1].Ports = []string{"eth2", "eth3"}
	cfg.Zones[0].Ports = []string{"eth1"}
	p := Compile(cfg, []string{"eth0", "eth1", "eth2", "eth3"}, nil)
	mustApply(t, p)
	settled(t, p)
	for i, port := range []string{"eth2", "eth3"} {
		ns := fmt.Sprintf("visitor%d", i)
		run(t, "ip netns add %s", ns)
		t.Cleanup(func() { run(t, "ip netns del %s", ns) })
		run(t, "ip -n %s link set far-%s netns %s", outside, port, ns)
		run(t, "ip -n %s addr add 192.168.78.%d/24 dev far-%s", ns, 10+i, port)
		run(t, "ip -n %s link set far-%s up", ns, port)
	}
	settled(t, p)
	reaches := func(to string) bool { return pings("visitor0", to) }
	if !reaches("192.168.78.1") {
		t.Error("a visitor does not reach the box")
	}
	if reaches("192.168.78.11") {
		t.Error("a visitor reaches another one")
	}
	// Nor learns the address of the school's network.
	run(t, "ip -n visitor0 route add 192.168.77.1/32 dev far-eth2")
	if reaches("192.168.77.1") {
		t.Error("the box answers a visitor's ARP for the school's address")
	}
	p.Bridges[1].Ports[0].Isolated, p.Bridges[1].Ports[1].Isolated = false, false
	mustApply(t, p)
	if !reaches("192.168.78.11") {
		t.Error("without isolation they should reach each other: this test proves nothing")
	}
}
