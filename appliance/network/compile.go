package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"stairgate/config"
)

// ethernetMTU is what every Ethernet port carries unless the broadband line
// says that it carries less.
const ethernetMTU = 1500

// Compile decides what the kernel should know, from what the school wants, the
// Ethernet ports that are there and the lease of the broadband port (nil for
// none; ignored where the configuration gives a fixed address). It is pure.
func Compile(cfg config.Config, ports []string, wan *WANLease) Plan {
	p := Plan{
		Sysctls:  boxSysctls(),
		Resolv:   nameServers(cfg.DNS.Upstreams),
		problems: make(map[string]string),
	}
	p.Bridges = bridges(cfg, ports, p.problems)
	p.WAN = uplink(cfg, ports, wan, p.problems)
	return p
}

// bridges gives every zone its ports. A zone whose ports are all missing still
// gets its bridge: the servers on its address start, and a port that is plugged
// in later finds everything ready.
func bridges(cfg config.Config, present []string, problems map[string]string) []Bridge {
	taken := map[string]bool{cfg.WAN.Port: true}
	named := map[string]bool{cfg.WAN.Port: true}
	for _, z := range cfg.Zones {
		for _, name := range z.Ports {
			named[name] = true
		}
	}
	var out []Bridge
	for _, z := range cfg.Zones {
		br := Bridge{Name: z.Bridge(), Zone: z.ID, Title: z.Name, Address: z.Address, Sysctls: bridgeSysctls(z.Bridge())}
		for _, name := range z.Ports {
			wanted := []string{name}
			if name == "*" {
				wanted = without(present, named)
			}
			for _, port := range wanted {
				switch {
				case taken[port]:
					// Validate has complained; the first owner keeps the port, and
					// the broadband port is nobody's.
				case !slices.Contains(present, port):
					problems["port."+port] = fmt.Sprintf("The configuration names port %s for the network “%s”, but this box has %s. "+
						"Plug the missing adapter in, or choose another port for this network.", port, z.Name, list(present))
				default:
					taken[port] = true
					br.Ports = append(br.Ports, Port{
						Name: port,
						// Visitors' devices have no business with each other. The
						// school's own do: printers, screens, tablets.
						Isolated: z.Kind == config.ZoneGuest,
						Sysctls:  portSysctls(port),
					})
				}
			}
		}
		out = append(out, br)
	}
	return out
}

// uplink plans the broadband port.
func uplink(cfg config.Config, present []string, lease *WANLease, problems map[string]string) Uplink {
	if !slices.Contains(present, cfg.WAN.Port) {
		problems["wan.port"] = fmt.Sprintf("The configuration names port %s for the broadband line, but this box has %s. "+
			"There is no internet until the broadband cable is in a port that the configuration names.", cfg.WAN.Port, list(present))
		return Uplink{}
	}
	up := Uplink{Port: cfg.WAN.Port, MTU: ethernetMTU, Sysctls: wanSysctls(cfg.WAN.Port)}
	address, routes := cfg.WAN.Address, []Route{{To: anywhere, Via: cfg.WAN.Gateway}}
	if cfg.WAN.Mode != config.WANStatic {
		if lease == nil {
			return up
		}
		address, routes = lease.Addr, lease.routes()
		if lease.MTU != 0 {
			up.MTU = lease.MTU
		}
	}
	if !address.IsValid() {
		return up
	}
	for _, z := range cfg.Zones {
		if address.Overlaps(z.Address) {
			// Without this check the box would send the school's answers out of
			// the wrong port, or the broadband router's into the school.
			problems["wan.collision"] = fmt.Sprintf("The broadband router uses the addresses %s, which the network “%s” (%s) uses too, so the box cannot tell them apart and there is no internet. "+
				"Change the address of “%s”, for example to %s, or the address range of the broadband router.",
				address.Masked(), z.Name, z.Address.Masked(), z.Name, spareSubnet(cfg, address))
			return up
		}
	}
	up.Address = address
	for _, r := range routes {
		// A route of the broadband router must never draw a zone's packets out
		// of the school.
		if r.To.Bits() == 0 && !r.Via.IsValid() || r.To.Bits() != 0 && overlapsZone(cfg, r.To) {
			continue
		}
		up.Routes = append(up.Routes, r)
	}
	return up
}

func overlapsZone(cfg config.Config, p netip.Prefix) bool {
	return slices.ContainsFunc(cfg.Zones, func(z config.Zone) bool { return z.Address.Overlaps(p) })
}

// spareSubnet suggests an address that neither a zone nor the broadband line uses.
func spareSubnet(cfg config.Config, wan netip.Prefix) netip.Prefix {
	for third := 77; ; third++ {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(third), 1}), 24)
		if third == 255 || !p.Overlaps(wan) && !overlapsZone(cfg, p) {
			return p
		}
	}
}

// nameServers are the resolvers of the box itself (its own downloads and
// clock): the school's, asked directly, so that the box finds its way while
// dnsd is down. resolv.conf knows no ports and at most three servers.
func nameServers(upstreams []netip.AddrPort) []netip.Addr {
	var out []netip.Addr
	for _, u := range upstreams {
		if u.Port() == 53 && len(out) < 3 {
			out = append(out, u.Addr())
		}
	}
	return out
}

// without returns the ports nobody has named, in order.
func without(ports []string, named map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(ports), func(p string) bool { return named[p] })
}

// list says "eth0, eth1 and eth2".
func list(ports []string) string {
	switch n := len(ports); n {
	case 0:
		return "no Ethernet port"
	case 1:
		return "only " + ports[0]
	default:
		return strings.Join(ports[:n-1], ", ") + " and " + ports[n-1]
	}
}
