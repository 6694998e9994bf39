//go:build kernel

package firewall_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
	"stairgate/firewall/golden"
)

// TestKernelListsTheGolden applies every golden case and has nft say what the
// kernel holds: it must be the golden, word for word. Applied again nothing is
// changed.
func TestKernelListsTheGolden(t *testing.T) {
	fw := open(t)
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			// The time that this test itself takes is the school's time too.
			start := time.Now()
			if changed, err := fw.Apply(c.Ruleset()); err != nil || !changed {
				t.Fatalf("Apply: changed %v, %v", changed, err)
			}
			if diff := cmp.Diff(c.Want, listing(t)); diff != "" {
				t.Errorf("nft -s list ruleset differs from the golden (-golden +kernel):\n%s", diff)
			}
			handles := nft(t, "", "-a", "list", "chain", "inet", firewall.TableName, "forward")
			c.Now = golden.Now.Add(time.Since(start))
			if changed, err := fw.Apply(c.Ruleset()); err != nil || changed {
				t.Errorf("applied twice: changed %v, %v", changed, err)
			}
			if again := nft(t, "", "-a", "list", "chain", "inet", firewall.TableName, "forward"); again != handles {
				t.Errorf("applied twice, and the rules are new ones:\n%s", cmp.Diff(handles, again))
			}
			if drift, err := fw.Drift(c.Ruleset()); err != nil || len(drift) > 0 {
				t.Errorf("drift right after Apply: %q, %v", drift, err)
			}
		})
	}
}

// TestThePortsNumberIsRepaired compiles with the WAN port's number, which nft
// lists as "iif" with the name, and then gives the port another number.
func TestThePortsNumberIsRepaired(t *testing.T) {
	fw := open(t)
	for range 2 {
		run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other")
		port, err := net.InterfaceByName("eth0")
		if err != nil {
			t.Fatal(err)
		}
		c := caseNamed(t, "guest-zone")
		c.WANIndex = port.Index
		rs := c.Ruleset()
		if drift, err := fw.Drift(rs); err != nil || len(drift) == 0 {
			t.Errorf("a new number is no drift: %v", err)
		}
		if changed, err := fw.Apply(rs); err != nil || !changed {
			t.Fatalf("changed %v, %v", changed, err)
		}
		if diff := cmp.Diff(rs.String(), listing(t)); diff != "" {
			t.Errorf("-golden +kernel:\n%s", diff)
		}
		run(t, "ip", "link", "del", "eth0")
	}
}

// TestDriftIsFoundAndRepaired does what a person at a shell, or another program,
// might do to the rules.
func TestDriftIsFoundAndRepaired(t *testing.T) {
	fw := open(t)
	c := caseNamed(t, "guest-zone")
	for _, sabotage := range []struct{ name, nft, want string }{
		{"rule inserted", "insert rule inet stairgate forward accept", "The chain forward holds a rule that is not ours, at position 1."},
		{"rule with a comment", `add rule inet stairgate input tcp dport 22 accept comment "for Bob"`, `with the comment "for Bob"`},
		{"chain flushed", "flush chain inet stairgate forward", `The chain forward lacks the rule: oifname "eth0" ct status confirmed`},
		{"policy", "chain inet stairgate forward { policy accept; }", "The policy of chain forward is not drop."},
		{"rule moved", "flush chain inet stairgate refuse\nadd rule inet stairgate refuse reject with icmpx admin-prohibited\nadd rule inet stairgate refuse meta l4proto tcp reject with tcp reset", "The chain refuse lacks the rule"},
		{"rule altered", "flush chain inet stairgate postrouting\nadd rule inet stairgate postrouting oifname eth1 masquerade", `The chain postrouting lacks the rule: oifname "eth0" masquerade`},
		{"verdict altered", "flush chain inet stairgate refuse\nadd rule inet stairgate refuse meta l4proto tcp reject with tcp reset\nadd rule inet stairgate refuse accept", "The chain refuse lacks the rule: reject with icmpx"},
		{"table deleted", "delete table inet stairgate", "The table inet stairgate is missing"},
		{"table asleep", "add table inet stairgate { flags dormant; }", "switched off"},
		{"foreign table", "table ip other { chain c { type nat hook prerouting priority -150; tcp dport 80 redirect to :1; }; }", `There is a table ip "other" that this box did not make.`},
		{"foreign base chain", "add chain inet stairgate first { type filter hook forward priority -10; }", "There is a chain first that this box did not make."},
		{"foreign set", "add set inet stairgate mine { type ipv4_addr; }", "There is a set mine that this box did not make."},
		{"element deleted", "delete element inet stairgate admitted { 02:00:00:00:00:20 . 192.168.77.20 }", "The set admitted lacks 02:00:00:00:00:20 . 192.168.77.20."},
		{"element added", "add element inet stairgate admitted { 02:00:00:00:00:66 . 192.168.77.66 }", "The set admitted holds 02:00:00:00:00:66 . 192.168.77.66, which should not be there."},
		{"element for ever", "delete element inet stairgate returning { 192.168.77.20 }\nadd element inet stairgate returning { 192.168.77.20 }", "The set returning keeps 192.168.77.20 for ever and should keep it for "},
		{"element for longer", "delete element inet stairgate returning { 192.168.77.20 }\nadd element inet stairgate returning { 192.168.77.20 timeout 9h }", "The set returning keeps 192.168.77.20 for 8h59m5"},
		{"set emptied", "flush set inet stairgate zones", `The set zones lacks "br-school".`},
		{"resolver deleted", "delete element inet stairgate resolvers { 8.8.8.8 }", "The set resolvers lacks 8.8.8.8."},
		{"range deleted", "delete element inet stairgate resolvers { 45.90.28.0/24 }", "The set resolvers lacks 45.90.28.0/24."},
		{"range added", "add element inet stairgate resolvers { 198.51.100.4-198.51.100.10 }", "The set resolvers holds 198.51.100.4-198.51.100.10, which should not be there."},
		{"mark deleted", "MARK", "is missing."},
	} {
		t.Run(sabotage.name, func(t *testing.T) {
			start := time.Now()
			now := func() firewall.Ruleset {
				c.Now = golden.Now.Add(time.Since(start))
				c.RescueUntil = golden.Now.Add(10 * time.Minute)
				return c.Ruleset()
			}
			if _, err := fw.Apply(now()); err != nil {
				t.Fatal(err)
			}
			script := sabotage.nft
			if script == "MARK" {
				script = "delete chain inet stairgate " + now().Chains[0].Name
			}
			nft(t, script, "-f", "-")
			drift, err := fw.Drift(now())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(drift, "\n"), sabotage.want) {
				t.Errorf("drift says %q, not %q", drift, sabotage.want)
			}
			if changed, err := fw.Apply(now()); err != nil || !changed {
				t.Errorf("repair: changed %v, %v", changed, err)
			}
			if drift, err := fw.Drift(now()); err != nil || len(drift) > 0 {
				t.Errorf("still drift: %q, %v", drift, err)
			}
			if diff := cmp.Diff(withoutElements(c.Want), withoutElements(listing(t))); diff != "" {
				t.Errorf("not repaired (-golden +kernel):\n%s", diff)
			}
		})
	}
}

// TestManyMembers puts thousands of elements in, changes a few, and takes them
// out, each in one transaction.
func TestManyMembers(t *testing.T) {
	fw := open(t)
	for _, n := range []int{1000, 3000} {
		cfg, clients := crowd(n)
		at := time.Now()
		compile := func(cl []identity.Client) firewall.Ruleset {
			return firewall.Compile(cfg, identity.New(identity.Data{Clients: cl}), firewall.Env{Now: time.Now()})
		}
		for i := range clients {
			clients[i].Until = at.Add(8 * time.Hour)
		}
		if changed, err := fw.Apply(compile(clients)); err != nil || !changed {
			t.Fatalf("%d members: changed %v, %v", n, changed, err)
		}
		list := nft(t, "", "list", "set", "inet", firewall.TableName, firewall.SetAdmitted)
		if got := strings.Count(list, " expires "); got != n {
			t.Errorf("%d members: nft lists %d", n, got)
		}
		if changed, err := fw.Apply(compile(clients)); err != nil || changed {
			t.Errorf("%d members, applied twice: changed %v, %v", n, changed, err)
		}
		mark := nft(t, "", "-a", "list", "chain", "inet", firewall.TableName, "forward")
		clients[3].Until = at.Add(9 * time.Hour)
		fewer := clients[1 : n-1]
		if changed, err := fw.Apply(compile(fewer)); err != nil || !changed {
			t.Errorf("%d members, three changes: changed %v, %v", n, changed, err)
		}
		if nft(t, "", "-a", "list", "chain", "inet", firewall.TableName, "forward") != mark {
			t.Errorf("%d members: a change of people made new rules", n)
		}
		if drift, err := fw.Drift(compile(fewer)); err != nil || len(drift) > 0 {
			t.Errorf("%d members: %q, %v", n, drift, err)
		}
		if _, err := fw.Apply(compile(nil)); err != nil {
			t.Errorf("%d members out: %v", n, err)
		}
	}
}

// TestALostTransactionIsAnError has the kernel take a transaction without a word
// and do nothing, as the Raspberry Pi's does when a module is missing.
func TestALostTransactionIsAnError(t *testing.T) {
	fw := open(t)
	cfg, clients := crowd(3)
	env := firewall.Env{Now: golden.Now}
	empty := firewall.Compile(cfg, nil, env)
	full := firewall.Compile(cfg, identity.New(identity.Data{Clients: clients}), env)
	if _, err := fw.Apply(empty); err != nil {
		t.Fatal(err)
	}
	before := listing(t)
	firewall.LoseTransactions(fw)
	for name, err := range map[string]error{
		"elements": second(fw.Apply(full)),
		"rules":    second(fw.Apply(firewall.Compile(config.Config{WAN: config.WAN{Port: "eth7"}}, nil, env))),
		"admit":    fw.Admit(clients[0], time.Time{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "without a word") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, listing(t)); diff != "" {
		t.Errorf("the old rules are not in force any more:\n%s", diff)
	}
}

// TestAdmit lets one client in beside others and is not taken for drift.
func TestAdmit(t *testing.T) {
	fw := open(t)
	cfg, clients := crowd(3)
	start := time.Now()
	compile := func(n int) firewall.Ruleset {
		return firewall.Compile(cfg, identity.New(identity.Data{Clients: clients[:n]}), firewall.Env{Now: time.Now()})
	}
	for i := range clients {
		clients[i].Until = start.Add(time.Hour)
	}
	if _, err := fw.Apply(compile(2)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is the same as once
		if err := fw.Admit(clients[2], clients[2].Until); err != nil {
			t.Fatal(err)
		}
	}
	if drift, err := fw.Drift(compile(2)); err != nil || len(drift) > 0 {
		t.Errorf("what Admit did is taken for drift: %q, %v", drift, err)
	}
	if changed, err := fw.Apply(compile(3)); err != nil || changed {
		t.Errorf("Admit did not do what Apply wants: changed %v, %v", changed, err)
	}
	if err := fw.Admit(clients[1], start.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list := nft(t, "", "list", "set", "inet", firewall.TableName, firewall.SetReturning); !strings.Contains(list, clients[1].Addr.String()+" timeout 1h59m5") && !strings.Contains(list, clients[1].Addr.String()+" timeout 2h") {
		t.Errorf("a longer session did not arrive:\n%s", list)
	}
	if changed, err := fw.Apply(compile(2)); err != nil || !changed {
		t.Errorf("what Apply wants counts: changed %v, %v", changed, err)
	}
	if err := fw.Admit(clients[0], start.Add(-time.Second)); err == nil {
		t.Error("a session that is over was admitted")
	}
}

// crowd is a zone with n people online.
func crowd(n int) (config.Config, []identity.Client) {
	cfg := config.Config{
		WAN:   config.WAN{Port: "eth0"},
		Zones: []config.Zone{{ID: "school", Kind: config.ZoneSchool, Address: netip.MustParsePrefix("10.0.0.1/16"), Default: "adults"}},
	}
	addr := netip.MustParseAddr("10.0.1.0")
	var out []identity.Client
	for i := range n {
		out = append(out, identity.Client{
			Addr: addr, MAC: identity.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}, Zone: "school", Class: identity.Admitted,
		})
		addr = addr.Next()
	}
	return cfg, out
}

// open is a firewall on an empty kernel.
func open(t *testing.T) *firewall.Firewall {
	t.Helper()
	nft(t, "", "flush", "ruleset")
	fw, err := firewall.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fw.Close(); err != nil {
			t.Error(err)
		}
	})
	return fw
}

func caseNamed(t *testing.T, name string) golden.Case {
	t.Helper()
	for _, c := range cases(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no case %s", name)
	return golden.Case{}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func listing(t *testing.T) string {
	t.Helper()
	return nft(t, "", "-s", "list", "ruleset")
}

func nft(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("nft", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("nft %s: %v\n%s%s", strings.Join(args, " "), err, stdin, out)
	}
	return string(out)
}

// withoutElements is a listing without what ages.
func withoutElements(s string) string {
	var out strings.Builder
	for line := range strings.Lines(s) {
		if !strings.Contains(line, "timeout ") {
			fmt.Fprint(&out, line)
		}
	}
	return out.String()
}

func second[T any](_ T, err error) error { return err }

// Somebody else's change is told at once, not at the next look by the clock.
func TestWatchTellsOfChanges(t *testing.T) {
	fw := open(t)
	if _, err := fw.Apply(caseNamed(t, "nobody").Ruleset()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed, err := fw.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	nft(t, "insert rule inet stairgate forward accept", "-f", "-")
	select {
	case <-changed:
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was told of an inserted rule")
	}
	cancel()
	for range changed { // ends when the channel is closed
	}
}
