//go:build kernel

package network

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(inProcess); file != "" {
		fmt.Fprintln(os.Stderr, gatewayProcess(file))
		os.Exit(1)
	}
	netnstest.Main(m)
}

// run runs a command that must succeed and returns what it says.
func run(t *testing.T, command string, args ...any) string {
	t.Helper()
	words := strings.Fields(fmt.Sprintf(command, args...))
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// outside is the namespace at the other ends of the cables.
const outside = "outside"

// box makes a namespace with the given Ethernet ports, each with a cable to a
// port "far-<name>" outside, and leaves nothing behind. Ports get the hardware
// addresses 02:00:00:00:00:01 and so on, so that goldens are the same everywhere.
func box(t *testing.T, ports ...string) {
	t.Helper()
	clear := func() {
		links, err := netlink.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			if l.Attrs().Name != "lo" {
				// The other end of a cable may have gone with the first.
				_ = netlink.LinkDel(l)
			}
		}
	}
	clear()
	run(t, "ip netns add %s", outside)
	t.Cleanup(func() {
		clear()
		run(t, "ip netns del %s", outside)
	})
	run(t, "ip -n %s link set lo up", outside)
	for i, port := range ports {
		plug(t, port, i+1)
	}
}

// plug puts an Ethernet port with a cable into the box.
func plug(t *testing.T, port string, number int) {
	t.Helper()
	run(t, "ip link add %s address 02:00:00:00:00:%02x type veth peer name far-%s netns %s", port, number, port, outside)
	run(t, "ip -n %s link set far-%s up", outside, port)
}

// linkTable is `ip -j link` and `bridge -j link` in lines without what changes
// from run to run.
func linkTable(t *testing.T) string {
	t.Helper()
	var links []struct {
		Name    string   `json:"ifname"`
		Flags   []string `json:"flags"`
		MTU     int      `json:"mtu"`
		Master  string   `json:"master"`
		State   string   `json:"operstate"`
		Address string   `json:"address"`
		Alias   string   `json:"ifalias"`
		Info    struct {
			Kind string `json:"info_kind"`
			Data struct {
				STP     *int `json:"stp_state"`
				Delay   *int `json:"forward_delay"`
				Snoop   *int `json:"mcast_snooping"`
				NFCalls *int `json:"nf_call_iptables"`
			} `json:"info_data"`
			Port struct {
				Isolated *bool  `json:"isolated"`
				State    string `json:"state"`
				Hairpin  *bool  `json:"hairpin"`
			} `json:"info_slave_data"`
		} `json:"linkinfo"`
	}
	decode(t, run(t, "ip -j -d link"), &links)
	var b strings.Builder
	for _, l := range links {
		if l.Name == "lo" {
			continue
		}
		fmt.Fprintf(&b, "%s %s %s mtu %d %s", l.Name, l.Info.Kind, l.Address, l.MTU, l.State)
		if l.Master != "" {
			fmt.Fprintf(&b, " master %s %s isolated %v", l.Master, l.Info.Port.State, *l.Info.Port.Isolated)
		}
		if l.Info.Kind == "bridge" {
			fmt.Fprintf(&b, " stp %d delay %d snooping %d", *l.Info.Data.STP, *l.Info.Data.Delay, *l.Info.Data.Snoop)
		}
		if l.Alias != "" {
			fmt.Fprintf(&b, " %q", l.Alias)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func addressTable(t *testing.T) string {
	t.Helper()
	var links []struct {
		Name  string `json:"ifname"`
		Addrs []struct {
			Family    string `json:"family"`
			Local     string `json:"local"`
			Bits      int    `json:"prefixlen"`
			Broadcast string `json:"broadcast"`
			Scope     string `json:"scope"`
			Valid     int64  `json:"valid_life_time"`
		} `json:"addr_info"`
	}
	decode(t, run(t, "ip -j addr"), &links)
	var b strings.Builder
	for _, l := range links {
		for _, a := range l.Addrs {
			if l.Name != "lo" {
				fmt.Fprintf(&b, "%s %s %s/%d brd %s %s", l.Name, a.Family, a.Local, a.Bits, a.Broadcast, a.Scope)
				if a.Valid == 1<<32-1 {
					b.WriteString(" forever")
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func routeTable(t *testing.T) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(run(t, "ip route")) {
		line = strings.ReplaceAll(line, "linkdown ", "")
		out = append(out, strings.Join(strings.Fields(line), " ")+"\n")
	}
	return strings.Join(out, "")
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// pings says whether one of three pings is answered.
func pings(namespace, to string) bool {
	return exec.Command("ip", "netns", "exec", namespace, "ping", "-q", "-c3", "-i0.2", "-W1", to).Run() == nil
}
