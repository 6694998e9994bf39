//go:build kernel

package dhcp_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dhcp"
)

// The topology of each test: the box is this namespace, a client is another one,
// joined by a veth pair whose end here is a port of a bridge.
//
//	[client] eth0 ── <client>-p [bridge br-school 192.168.77.1/24] the server

const schoolMAC = "02:00:00:00:00:"

// run runs a command and fails the test if it fails.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// bridge makes an interface for a zone.
func bridge(t *testing.T, name, addr string) {
	t.Helper()
	run(t, "ip", "link", "add", name, "type", "bridge")
	run(t, "ip", "addr", "add", addr, "dev", name)
	run(t, "ip", "link", "set", name, "up")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", name).Run() })
}

// host is a namespace with a network card in a bridge.
type host struct {
	t    *testing.T
	name string
	dir  string
}

func newHost(t *testing.T, name, br, mac string) *host {
	t.Helper()
	h := &host{t, name, t.TempDir()}
	run(t, "ip", "netns", "add", name)
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "del", name+"-p").Run() // the namespace alone would go later
		_ = exec.Command("ip", "netns", "del", name).Run()
	})
	run(t, "ip", "link", "add", name+"-p", "type", "veth", "peer", "name", "eth0", "netns", name, "address", mac)
	run(t, "ip", "link", "set", name+"-p", "master", br)
	run(t, "ip", "link", "set", name+"-p", "up")
	h.in("ip", "link", "set", "lo", "up")
	h.in("ip", "link", "set", "eth0", "up")
	if err := os.WriteFile(filepath.Join(h.dir, "script"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

// script is what udhcpc runs: it sets the address, so that renewing and ARP work,
// and prints what it got.
const script = `#!/bin/sh
echo "$1 ip=$ip mask=$mask router=$router dns=$dns domain=$domain lease=$lease host=$hostname"
case "$1" in
bound|renew) ip addr flush dev $interface; ip addr add $ip/$mask dev $interface ;;
deconfig) ip addr flush dev $interface ;;
esac
`

func (h *host) in(args ...string) string {
	h.t.Helper()
	return run(h.t, append([]string{"ip", "netns", "exec", h.name}, args...)...)
}

// udhcpc gets a lease and leaves; with release it gives it back first.
func (h *host) udhcpc(args ...string) string {
	h.t.Helper()
	return h.in(append([]string{
		"udhcpc", "-f", "-q", "-n", "-i", "eth0", "-t", "5", "-T", "1",
		"-s", filepath.Join(h.dir, "script"),
	}, args...)...)
}

// dhclient runs ISC's client once; its lease file stays between runs, as over a
// reboot.
func (h *host) dhclient(args ...string) string {
	h.t.Helper()
	all := []string{
		"dhclient", "-1", "-v", "-sf", "/bin/true", "-cf", "/dev/null", "-pf", filepath.Join(h.dir, "pid"),
		"-lf", filepath.Join(h.dir, "leases"),
	}
	out := h.in(append(append(all, args...), "eth0")...)
	return out
}

// stop ends the dhclient that stays behind, without a RELEASE.
func (h *host) stop() {
	h.t.Helper()
	var pid []byte
	until(h.t, "dhclient to go into the background", func() bool {
		pid, _ = os.ReadFile(filepath.Join(h.dir, "pid"))
		return bytes.HasSuffix(pid, []byte("\n"))
	})
	run(h.t, "kill", "-9", strings.TrimSpace(string(pid)))
	if err := os.Remove(filepath.Join(h.dir, "pid")); err != nil {
		h.t.Fatal(err)
	}
}

// addr is the address the host has.
func (h *host) addr() string {
	f := strings.Fields(h.in("ip", "-4", "-o", "addr", "show", "dev", "eth0"))
	for i, w := range f {
		if w == "inet" {
			return f[i+1]
		}
	}
	return ""
}

// box is a running server.
type box struct {
	*dhcp.Server
	journal *dhcp.FileJournal
	stop    func()
	heard   chan dhcp.Lease
}

func start(t *testing.T, path string, subnets ...dhcp.Subnet) *box {
	t.Helper()
	j, err := dhcp.OpenFileJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	b := &box{journal: j, heard: make(chan dhcp.Lease, 1000)}
	b.Server, err = dhcp.NewServer(dhcp.Options{Journal: j, OnLease: func(l dhcp.Lease) { b.heard <- l }})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Set(subnets); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(b.stop)
	return b
}

// until waits for a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(15 * time.Second); !f(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still waiting for %s", what)
		}
	}
}

func subnet(zone, addr, from, to string, lease time.Duration) dhcp.Subnet {
	return dhcp.Subnet{
		Zone: zone, Name: strings.ToUpper(zone[:1]) + zone[1:], Interface: "br-" + zone,
		Addr: netip.MustParsePrefix(addr), From: netip.MustParseAddr(from), To: netip.MustParseAddr(to),
		Lease: lease, Domain: "school.internal",
	}
}

func school() dhcp.Subnet {
	return subnet("school", "192.168.77.1/24", "192.168.77.100", "192.168.77.149", time.Hour)
}

func contains(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("missing %q in:\n%s", w, got)
		}
	}
}

func TestUdhcpcGetsRenewsAndReleases(t *testing.T) {
	bridge(t, "br-school", "192.168.77.1/24")
	h := newHost(t, "tablet", "br-school", schoolMAC+"01")
	n := school()
	n.Lease = 16 * time.Second // udhcpc believes in nothing shorter
	b := start(t, filepath.Join(t.TempDir(), "leases"), n)
	out := new(bytes.Buffer)
	c := exec.Command("ip", "netns", "exec", "tablet", "udhcpc", "-f", "-R", "-i", "eth0", "-t", "5", "-T", "1",
		"-s", filepath.Join(h.dir, "script"), "-x", "hostname:Adas_Tablet")
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill() }()
	until(t, "a lease", func() bool { return len(b.Leases()) == 1 })
	first := b.Leases()[0]
	if first.Hostname != "adas-tablet" || first.MAC.String() != schoolMAC+"01" || !first.Expires.After(first.Starts) {
		t.Errorf("lease %+v", first)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\n%v", out, b.Counts())
		}
	})
	until(t, "the lease to age", func() bool { return time.Since(first.Starts) > 2*time.Second })
	run(t, "kill", "-USR1", fmt.Sprint(c.Process.Pid)) // renew now
	until(t, "the renewal", func() bool { l := b.Leases(); return len(l) == 1 && l[0].Expires.After(first.Expires) })
	if l := b.Leases()[0]; l.Addr != first.Addr || !l.Starts.Equal(first.Starts) {
		t.Errorf("renewed as %+v", l)
	}
	run(t, "kill", "-TERM", fmt.Sprint(c.Process.Pid)) // -R: release
	if err := c.Wait(); err != nil && c.ProcessState.ExitCode() > 0 {
		t.Log(err)
	}
	until(t, "the release", func() bool { return len(b.Leases()) == 0 })
	contains(t, out.String(), "bound ip="+first.Addr.String(), "mask=24", "router=192.168.77.1", "dns=192.168.77.1", "domain=school.internal", "lease=16")
	if again := h.udhcpc(); !strings.Contains(again, "bound ip="+first.Addr.String()) {
		t.Errorf("another address after the release:\n%s", again)
	}
}

func TestDhclientKeepsItsAddressOverARebootOfBothSides(t *testing.T) {
	bridge(t, "br-school", "192.168.77.1/24")
	h := newHost(t, "laptop", "br-school", schoolMAC+"02")
	path := filepath.Join(t.TempDir(), "leases")
	b := start(t, path, school())
	out := h.dhclient()
	h.stop()
	l := b.Leases()
	if len(l) != 1 {
		t.Fatalf("leases %v\n%s", l, out)
	}
	contains(t, out, "DHCPDISCOVER", "DHCPOFFER of "+l[0].Addr.String(), "DHCPACK of "+l[0].Addr.String())

	b.stop()
	b = start(t, path, school())
	if got := b.Leases(); len(got) != 1 || got[0].Addr != l[0].Addr || !got[0].Expires.Equal(l[0].Expires) {
		t.Fatalf("after the restart: %v, want %v", got, l)
	}
	out = h.dhclient() // INIT-REBOOT
	contains(t, out, "DHCPREQUEST for "+l[0].Addr.String(), "DHCPACK of "+l[0].Addr.String())
	if strings.Contains(out, "DHCPDISCOVER") {
		t.Errorf("the client had to begin anew:\n%s", out)
	}
	h.stop()
	h.in("ip", "addr", "add", l[0].Addr.String()+"/24", "dev", "eth0") // a RELEASE is unicast
	h.dhclient("-r")
	until(t, "the release", func() bool { return len(b.Leases()) == 0 })
}

func TestNakWhenTheSubnetChanged(t *testing.T) {
	bridge(t, "br-school", "192.168.77.1/24")
	h := newHost(t, "laptop", "br-school", schoolMAC+"03")
	b := start(t, filepath.Join(t.TempDir(), "leases"), school())
	h.dhclient()
	h.stop()
	run(t, "ip", "addr", "flush", "dev", "br-school")
	run(t, "ip", "addr", "add", "10.9.0.1/24", "dev", "br-school")
	if err := b.Set([]dhcp.Subnet{subnet("school", "10.9.0.1/24", "10.9.0.50", "10.9.0.60", time.Hour)}); err != nil {
		t.Fatal(err)
	}
	out := h.dhclient()
	h.stop()
	contains(t, out, "DHCPREQUEST for 192.168.77.", "DHCPNAK from 10.9.0.1", "DHCPACK of 10.9.0.")
}

func TestAnAddressInUseIsNotOffered(t *testing.T) {
	bridge(t, "br-school", "192.168.77.1/24")
	squatter := newHost(t, "printer", "br-school", schoolMAC+"04")
	h := newHost(t, "tablet", "br-school", schoolMAC+"05")
	squatter.in("ip", "addr", "add", "192.168.77.100/24", "dev", "eth0")
	n := school()
	n.To = netip.MustParseAddr("192.168.77.101")
	b := start(t, filepath.Join(t.TempDir(), "leases"), n)
	out := h.udhcpc("-r", "192.168.77.100")
	contains(t, out, "bound ip=192.168.77.101")
	if q := b.Quarantined(); len(q) != 1 || q[0].String() != "192.168.77.100" {
		t.Errorf("quarantined %v", q)
	}
	contains(t, b.Problems()["conflict.school"], schoolMAC+"04", "192.168.77.100", "network “School”")
}

func TestTwoZonesAndAReservation(t *testing.T) {
	bridge(t, "br-school", "192.168.77.1/24")
	bridge(t, "br-guest", "192.168.88.1/24")
	a := newHost(t, "printer", "br-school", schoolMAC+"06")
	g := newHost(t, "visitor", "br-guest", schoolMAC+"07")
	n := school()
	mac, err := identity.ParseMAC(schoolMAC + "06")
	if err != nil {
		t.Fatal(err)
	}
	n.Reservations = []config.Reservation{{MAC: mac, Addr: netip.MustParseAddr("192.168.77.9"), Name: "printer"}}
	b := start(t, filepath.Join(t.TempDir(), "leases"), n, subnet("guest", "192.168.88.1/24", "192.168.88.10", "192.168.88.90", time.Hour))
	a.udhcpc()
	g.udhcpc()
	if a.addr() != "192.168.77.9/24" {
		t.Errorf("the printer has %s", a.addr())
	}
	if !strings.HasPrefix(g.addr(), "192.168.88.") {
		t.Errorf("the visitor has %s", g.addr())
	}
	var got []string
	for _, n := range dhcp.Names(b.Leases(), "school.internal") {
		got = append(got, n.Name)
	}
	contains(t, strings.Join(got, " "), "printer.school.internal")
	zones := map[string]bool{}
	for range 2 {
		select {
		case l := <-b.heard:
			zones[l.Zone] = true
		case <-time.After(5 * time.Second):
			t.Fatal("OnLease was not called")
		}
	}
	if !zones["school"] || !zones["guest"] {
		t.Errorf("OnLease heard of %v", zones)
	}
}

func TestTheInterfaceIsTakenAwayAndMadeAgain(t *testing.T) {
	bridge(t, "br-school", "192.168.77.1/24")
	b := start(t, filepath.Join(t.TempDir(), "leases"), school())
	run(t, "ip", "link", "del", "br-school")
	if err := b.Set([]dhcp.Subnet{school()}); err == nil {
		t.Error("no error although the interface is gone")
	}
	contains(t, b.Problems()["link.school"], "No addresses are given out on the network “School”", "br-school")
	bridge(t, "br-school", "192.168.77.1/24")
	for range 2 {
		if err := b.Set([]dhcp.Subnet{school()}); err != nil {
			t.Fatal(err)
		}
	}
	if p := b.Problems(); len(p) != 0 {
		t.Errorf("still ill: %v", p)
	}
	h := newHost(t, "tablet", "br-school", schoolMAC+"08")
	contains(t, h.udhcpc(), "bound ip=192.168.77.")
}
