//go:build kernel

package firewall_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
)

// The street for packets: four namespaces, this process in the box's.
//
//	alice ─┐
//	bob ───┴ br-school ┐
//	                   box ── eth0 ── world
//	guest ── br-guest ─┘
//
// Each device's interface is called eth0 in its own namespace.
var street = `
netns add alice
netns add bob
netns add guest
netns add world
link add br-school type bridge
link add br-guest type bridge
link add port-alice type veth peer name eth0 netns alice
link add port-bob type veth peer name eth0 netns bob
link add port-guest type veth peer name eth0 netns guest
link add eth0 type veth peer name eth0 netns world
link set port-alice master br-school
link set port-bob master br-school
link set port-guest master br-guest
addr add 192.168.77.1/24 dev br-school
addr add 192.168.78.1/24 dev br-guest
addr add 203.0.113.2/24 dev eth0
link set port-alice up
link set port-bob up
link set port-guest up
link set br-school up
link set br-guest up
link set eth0 up
route add default via 203.0.113.1
-n alice link set eth0 address 02:00:00:00:00:0a
-n alice addr add 192.168.77.20/24 dev eth0
-n bob link set eth0 address 02:00:00:00:00:0b
-n bob addr add 192.168.77.21/24 dev eth0
-n guest link set eth0 address 02:00:00:00:00:0c
-n guest addr add 192.168.78.20/24 dev eth0
-n world link set eth0 address 02:00:00:00:00:0d
-n world addr add 203.0.113.1/24 dev eth0
-n world addr add 198.51.100.7/32 dev lo
-n alice link set eth0 up
-n bob link set eth0 up
-n guest link set eth0 up
-n world link set eth0 up
-n world link set lo up
-6 route add default via fe80::99 dev eth0
-6 neigh add fe80::99 lladdr 02:00:00:00:00:0d dev eth0 nud permanent
neigh add 192.168.77.99 lladdr 02:00:00:00:00:99 dev br-school nud permanent
neigh add 192.168.78.99 lladdr 02:00:00:00:00:99 dev br-guest nud permanent
-n alice route add default via 192.168.77.1
-n bob route add default via 192.168.77.1
-n guest route add default via 192.168.78.1
`

// Who is who on it.
var (
	alice    = identity.Client{Addr: netip.MustParseAddr("192.168.77.20"), MAC: identity.MAC{2, 0, 0, 0, 0, 0xa}, Zone: "school", Group: "adults", Class: identity.Admitted}
	bob      = identity.Client{Addr: netip.MustParseAddr("192.168.77.21"), MAC: identity.MAC{2, 0, 0, 0, 0, 0xb}, Zone: "school", Group: "adults", Class: identity.Quarantined}
	guest    = identity.Client{Addr: netip.MustParseAddr("192.168.78.20"), MAC: identity.MAC{2, 0, 0, 0, 0, 0xc}, Zone: "guest", Group: "visitors", Class: identity.Admitted}
	outside  = netip.MustParseAddr("203.0.113.2") // the box's
	neighbor = netip.MustParseAddr("203.0.113.1") // the world's, on the same wire
)

func streetConfig() config.Config {
	return config.Config{
		WAN: config.WAN{Port: "eth0", Mode: config.WANStatic},
		Zones: []config.Zone{
			{ID: "school", Kind: config.ZoneSchool, Default: "adults", Address: netip.MustParsePrefix("192.168.77.1/24")},
			{ID: "guest", Kind: config.ZoneGuest, Default: "visitors", Address: netip.MustParsePrefix("192.168.78.1/24")},
		},
		Groups: []identity.Group{{ID: "adults"}, {ID: "visitors"}, {ID: "technicians", Admin: true}},
		DNS:    config.DNS{Upstreams: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:53")}},
	}
}

// online compiles the street's rules with these people.
func online(clients ...identity.Client) firewall.Ruleset {
	return firewall.Compile(streetConfig(), identity.New(identity.Data{Clients: clients}), firewall.Env{Now: time.Now()})
}

// buildStreet builds it and takes it down with the test.
func buildStreet(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		for _, link := range []string{"port-alice", "port-bob", "port-guest", "eth0", "br-school", "br-guest"} {
			ip(t, "link del "+link)
		}
		for _, ns := range []string{"alice", "bob", "guest", "world"} {
			ip(t, "netns del "+ns)
		}
	})
	for line := range strings.Lines(strings.TrimSpace(street)) {
		ip(t, line)
	}
	for name, value := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", // of IPv6 the rules alone must see to it that nothing passes
		"ipv4/icmp_ratelimit": "0", "ipv4/icmp_msgs_per_sec": "100000", "ipv4/icmp_msgs_burst": "10000",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0", // nor may they lean on this one
	} {
		// Where a switch belongs to the whole machine it cannot be set from here.
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644); err != nil && !os.IsNotExist(err) && !os.IsPermission(err) {
			t.Fatal(err)
		}
	}
}

func ip(t *testing.T, line string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.TrimSpace(line), err, out)
	}
}

// inside runs f with its thread in a namespace. Sockets made in f stay there.
func inside(t *testing.T, name string, f func() error) {
	t.Helper()
	errs := make(chan error)
	go func() {
		// Not unlocked: the thread ends with the goroutine and takes the
		// namespace along.
		runtime.LockOSThread()
		errs <- func() error {
			ns, err := os.Open("/run/netns/" + name)
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("entering %s: %w", name, err)
			}
			return f()
		}()
	}()
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
}

// wait waits for a condition, ten seconds at most.
func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	if !within(10*time.Second, cond) {
		t.Fatalf("waited in vain for %s", what)
	}
}

func within(d time.Duration, cond func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); ; <-tick.C {
		if cond() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
