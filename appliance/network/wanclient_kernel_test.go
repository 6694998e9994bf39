//go:build kernel

package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"stairgate/config"
)

// The broadband router of these tests is 203.0.113.1 at the other end of eth0's
// cable. The servers are those that routers really run: dnsmasq, busybox udhcpd
// and ISC Kea.

func broadband(t *testing.T) {
	t.Helper()
	box(t, "eth0", "eth1")
	run(t, "ip -n %s addr add 203.0.113.1/24 dev far-eth0", outside)
	// No packet reaches the box and none leaves it, as before the first rules.
	nft := exec.Command("nft", "-f", "-")
	nft.Stdin = strings.NewReader(`table inet closed {
		chain in { type filter hook input priority 0; policy drop; }
		chain out { type filter hook output priority 0; policy drop; }
	}`)
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	t.Cleanup(func() { run(t, "nft delete table inet closed") })
}

// process is a command that runs until it is stopped.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // killed
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("%s said:\n%s", cmd.Path, text)
		}
		_ = log.Close()
	})
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // may have ended by itself
	<-p.done
}

func dnsmasq(t *testing.T, from, to, lease string, more ...string) *process {
	t.Helper()
	args := append([]string{
		"netns", "exec", outside, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root",
		"--interface=far-eth0", "--bind-interfaces", "--dhcp-authoritative", "--log-dhcp", "--no-ping", "--pid-file=",
		"--dhcp-leasefile=" + filepath.Join(t.TempDir(), "leases"),
		fmt.Sprintf("--dhcp-range=%s,%s,255.255.255.0,%s", from, to, lease),
		"--dhcp-option=option:mtu,1480",
	}, more...)
	return launch(t, exec.Command("ip", args...))
}

func udhcpd(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "udhcpd.conf")
	text := fmt.Sprintf("start 203.0.113.30\nend 203.0.113.40\ninterface far-eth0\nlease_file %s/leases\npidfile %s/pid\nmin_lease 4\noption subnet 255.255.255.0\noption router 203.0.113.1\noption lease 8\n", dir, dir)
	for name, b := range map[string]string{conf: text, filepath.Join(dir, "leases"): ""} {
		if err := os.WriteFile(name, []byte(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return launch(t, exec.Command("ip", "netns", "exec", outside, "busybox", "udhcpd", "-f", conf))
}

// kea lends for six seconds.
func kea(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	b, err := json.Marshal(map[string]any{"Dhcp4": map[string]any{
		"interfaces-config": map[string]any{"interfaces": []string{"far-eth0"}, "dhcp-socket-type": "raw"},
		"lease-database":    map[string]any{"type": "memfile", "persist": false},
		"valid-lifetime":    6, "renew-timer": 2, "rebind-timer": 4, "authoritative": true,
		"subnet4": []any{map[string]any{
			"id": 1, "subnet": "203.0.113.0/24",
			"pools":       []any{map[string]any{"pool": "203.0.113.50 - 203.0.113.60"}},
			"option-data": []any{map[string]any{"name": "routers", "data": "203.0.113.1"}},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "kea.json")
	if err := os.WriteFile(conf, b, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", outside, "kea-dhcp4", "-c", conf)
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir, "KEA_LOGGER_DESTINATION=stdout")
	return launch(t, cmd)
}

// reconcile is the loop of the box in small: whatever happens, look at
// everything and apply everything.
func reconcile(ctx context.Context, c *WANClient) error {
	events, err := WatchLinks(ctx)
	if err != nil {
		return err
	}
	cfg := config.Config{
		WAN:   config.WAN{Port: "eth0", Mode: config.WANDHCP},
		Zones: []config.Zone{{ID: "school", Name: "School", Kind: config.ZoneSchool, Ports: []string{"*"}, Address: netip.MustParsePrefix("192.168.77.1/24")}},
	}
	for ctx.Err() == nil {
		changed := c.Changed()
		ports, err := Ports()
		if err != nil {
			return err
		}
		var lease *WANLease
		if l, ok := c.Current(); ok {
			lease = &l
		}
		if _, err := Apply(Compile(cfg, ports, lease)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-events:
		}
	}
	return nil
}

// gateway runs client and loop until the test ends.
func gateway(t *testing.T, file string) *WANClient {
	t.Helper()
	c := NewWANClient(WANOptions{LeaseFile: file})
	c.Set("eth0", true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- c.Run(ctx) }()
	go func() { done <- reconcile(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

func wanAddress(t *testing.T) string {
	t.Helper()
	l, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	have, err := netlink.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range have {
		out = append(out, a.IPNet.String())
	}
	return strings.Join(out, " ")
}

func TestDnsmasqLendsAnAddress(t *testing.T) {
	broadband(t)
	dnsmasq(t, "203.0.113.10", "203.0.113.19", "1h", "--dhcp-option=121,0.0.0.0/0,203.0.113.1,198.18.0.0/15,203.0.113.2")
	c := gateway(t, "")
	eventually(t, "the kernel has an address", func() bool { return strings.HasPrefix(wanAddress(t), "203.0.113.1") })
	l, _ := c.Current()
	if l.Server.String() != "203.0.113.1" || l.MTU != 1480 || time.Until(l.Expires) < 59*time.Minute {
		t.Errorf("lease %+v", l)
	}
	eventually(t, "the routes are there", func() bool {
		r := routeTable(t)
		return strings.Contains(r, "default via 203.0.113.1 dev eth0 proto 83") && strings.Contains(r, "198.18.0.0/15 via 203.0.113.2 dev eth0 proto 83")
	})
	if len(c.Problems()) != 0 {
		t.Errorf("problems %v", c.Problems())
	}
}

func TestUdhcpdLendsAndRenews(t *testing.T) {
	broadband(t)
	udhcpd(t)
	renews(t, gateway(t, ""))
}

func TestKeaLendsAndRenewsAndDies(t *testing.T) {
	broadband(t)
	server := kea(t)
	c := gateway(t, "")
	before := renews(t, c)
	server.kill()
	eventually(t, "the lease ran out", func() bool { _, ok := c.Current(); return !ok })
	if !time.Now().After(before.Expires.Add(-time.Second)) {
		t.Error("the lease ended before its time")
	}
	eventually(t, "the address is gone", func() bool { return wanAddress(t) == "" && !strings.Contains(routeTable(t), "default") })
	if s := c.Problems()["wan.dhcp"]; !strings.Contains(s, "has run out") {
		t.Errorf("sentence %q", s)
	}
	kea(t)
	eventually(t, "the address is back", func() bool { return strings.HasPrefix(wanAddress(t), "203.0.113.5") && len(c.Problems()) == 0 })
}

// renews waits until the lease has been renewed twice without a change of
// address, and returns it.
func renews(t *testing.T, c *WANClient) WANLease {
	t.Helper()
	eventually(t, "the kernel has an address", func() bool { return wanAddress(t) != "" })
	first, _ := c.Current()
	var l WANLease
	eventually(t, "two renewals", func() bool {
		var ok bool
		l, ok = c.Current()
		if !ok || wanAddress(t) != first.Addr.String() {
			t.Fatalf("the address %s did not stay: %+v, kernel %q", first.Addr, l, wanAddress(t))
		}
		return l.Obtained.Sub(first.Expires) > 0
	})
	return l
}

func TestAnotherRouterRefusesTheAddress(t *testing.T) {
	broadband(t)
	first := dnsmasq(t, "203.0.113.10", "203.0.113.19", "1h")
	c := gateway(t, "")
	eventually(t, "the first address", func() bool { return strings.HasPrefix(wanAddress(t), "203.0.113.1") })
	first.kill()
	dnsmasq(t, "203.0.113.70", "203.0.113.79", "1h")
	run(t, "ip -n %s link set far-eth0 down", outside)
	eventually(t, "the unplugged cable has a sentence", func() bool {
		p := Plan{WAN: Uplink{Port: "eth0"}}
		return strings.Contains(Problems(p)["wan.cable"], "no signal on port eth0")
	})
	// The kernel announces a change of the signal up to a second late, and a cable
	// that was out for less than that never was.
	eventually(t, "the client has heard of it", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.m.state == stateDown
	})
	if wanAddress(t) == "" {
		t.Error("an unplugged cable took the address")
	}
	run(t, "ip -n %s link set far-eth0 up", outside)
	began := time.Now()
	eventually(t, "the new address alone", func() bool {
		a := wanAddress(t)
		return strings.HasPrefix(a, "203.0.113.7") && !strings.Contains(a, " ")
	})
	t.Logf("after plugging in another router: a new address in %v", time.Since(began).Round(time.Millisecond))
	if len(c.Problems()) != 0 {
		t.Errorf("problems %v", c.Problems())
	}
}

// inProcess makes the test binary a gateway of its own, to be killed.
const inProcess = "STAIRGATE_TEST_GATEWAY"

func gatewayProcess(file string) error {
	c := NewWANClient(WANOptions{LeaseFile: file})
	c.Set("eth0", true)
	done := make(chan error, 2)
	go func() { done <- c.Run(context.Background()) }()
	go func() { done <- reconcile(context.Background(), c) }()
	return <-done
}

func TestKillNineKeepsTheAddress(t *testing.T) {
	broadband(t)
	dnsmasq(t, "203.0.113.10", "203.0.113.19", "1h")
	file := filepath.Join(t.TempDir(), "lease.json")
	spawn := func() *process {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), inProcess+"="+file)
		return launch(t, cmd)
	}
	obtained := func() time.Time {
		b, err := os.ReadFile(file)
		if err != nil {
			return time.Time{}
		}
		_, _, l, err := parseLease(b)
		if err != nil {
			t.Fatalf("the lease file: %v", err)
		}
		return l.Obtained
	}
	p := spawn()
	eventually(t, "the first life has an address and a file", func() bool { return wanAddress(t) != "" && !obtained().IsZero() })
	eventually(t, "the default route", func() bool { return strings.Contains(routeTable(t), "default") })

	stop := make(chan struct{})
	defer close(stop)
	lost := make(chan netlink.AddrUpdate, 64)
	if err := netlink.AddrSubscribe(lost, stop); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.kill()
		// An old file, so that the confirmation shows as a newer one.
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, mac, l, err := parseLease(b)
		if err != nil {
			t.Fatal(err)
		}
		l.Obtained, l.Expires = l.Obtained.Add(-10*time.Minute), l.Expires.Add(-10*time.Minute)
		l.Renew, l.Rebind = l.Renew.Add(-10*time.Minute), l.Rebind.Add(-10*time.Minute)
		if b, err = formatLease("eth0", mac, l); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		p = spawn()
		eventually(t, "the next life has confirmed the lease", func() bool { return obtained().After(l.Obtained.Add(time.Minute)) })
	}
	run(t, "ip addr add 127.0.0.77/32 dev lo")
	for u := range lost {
		if u.LinkAddress.IP.String() == "127.0.0.77" {
			break
		}
		if u.LinkAddress.IP.To4() != nil {
			t.Errorf("the address %s changed (new %v)", u.LinkAddress.String(), u.NewAddr)
		}
	}
	run(t, "ip addr del 127.0.0.77/32 dev lo")
}
