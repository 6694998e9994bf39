package network

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Plan is everything the kernel should know about links, addresses and routes.
// Compile makes it, Apply carries it out.
type Plan struct {
	Bridges []Bridge
	WAN     Uplink       // its Port is "" while the configured port is not there
	Resolv  []netip.Addr // name servers of the box's own programs
	Sysctls []Sysctl     // for the whole box; those of a link stand beside the link

	// Forward lets packets from one network to another. The caller sets it once
	// it knows that the firewall's rules are in the kernel. While it is false
	// Apply closes forwarding before it does anything else, and while it is true
	// Apply opens it after everything else: a box without rules forwards nothing.
	Forward bool

	// ResolvFile is the file that Resolv is written to, "" for none. On gokrazy
	// /etc/resolv.conf is a link to /tmp/resolv.conf, and that is the file.
	ResolvFile string

	problems map[string]string
}

// Bridge joins the ports of one zone.
type Bridge struct {
	Name    string // "br-school"
	Zone    string // the zone's ID
	Title   string // the zone's name for people
	Address netip.Prefix
	Ports   []Port
	Sysctls []Sysctl
}

// Port is an Ethernet port of a zone.
type Port struct {
	Name     string
	Isolated bool // its devices reach the box but not devices behind other isolated ports
	Sysctls  []Sysctl
}

// Uplink is the port towards the broadband line.
type Uplink struct {
	Port    string
	Address netip.Prefix // the zero Prefix while there is none
	MTU     int
	Routes  []Route
	Sysctls []Sysctl
}

// Route leads to a prefix through the broadband port.
type Route struct {
	To  netip.Prefix
	Via netip.Addr // the zero Addr: the prefix is on the link itself
}

func (r Route) String() string {
	to := r.To.String()
	if r.To.Bits() == 0 {
		to = "default"
	}
	if !r.Via.IsValid() {
		return to
	}
	return to + " via " + r.Via.String()
}

// Sysctl is one kernel setting.
type Sysctl struct {
	Key      string // path below /proc/sys: "net/ipv4/tcp_syncookies"
	Value    string
	Optional bool // not every kernel has it, or lets it be written
}

func (s Sysctl) String() string { return s.Key + " = " + s.Value }

// Problems returns what is wrong with the plan itself, key → sentence: ports
// that the box does not have, a broadband line that uses a zone's addresses.
func (p Plan) Problems() map[string]string { return maps.Clone(p.problems) }

// String renders the plan for people and for tests, without the kernel settings.
func (p Plan) String() string {
	var b strings.Builder
	for _, br := range p.Bridges {
		fmt.Fprintf(&b, "bridge %s %s %q\n", br.Name, br.Address, br.Title)
		for _, port := range br.Ports {
			fmt.Fprintf(&b, "  port %s", port.Name)
			if port.Isolated {
				b.WriteString(" isolated")
			}
			b.WriteByte('\n')
		}
	}
	if p.WAN.Port == "" {
		b.WriteString("no wan\n")
	} else {
		fmt.Fprintf(&b, "wan %s", p.WAN.Port)
		if p.WAN.Address.IsValid() {
			fmt.Fprintf(&b, " %s", p.WAN.Address)
		} else {
			b.WriteString(" no address")
		}
		fmt.Fprintf(&b, " mtu %d\n", p.WAN.MTU)
		for _, r := range p.WAN.Routes {
			fmt.Fprintf(&b, "  route %s\n", r)
		}
	}
	for _, a := range p.Resolv {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	for _, key := range slices.Sorted(maps.Keys(p.problems)) {
		fmt.Fprintf(&b, "problem %s: %s\n", key, p.problems[key])
	}
	return b.String()
}

// Settings renders every kernel setting of the plan, in the order of applying.
func (p Plan) Settings() string {
	var b strings.Builder
	write := func(list []Sysctl) {
		for _, s := range list {
			b.WriteString(s.String())
			if s.Optional {
				b.WriteString(" (where there is one)")
			}
			b.WriteByte('\n')
		}
	}
	write(p.Sysctls)
	for _, br := range p.Bridges {
		write(br.Sysctls)
		for _, port := range br.Ports {
			write(port.Sysctls)
		}
	}
	write(p.WAN.Sysctls)
	return b.String()
}
