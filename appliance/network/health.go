package network

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Problems looks at the kernel and says what is wrong with the links, key →
// sentence: what the plan itself complains of, an unplugged broadband cable, a
// port or an address that could not be set. It clears itself: look again after
// each Apply and each link event.
func Problems(p Plan) map[string]string {
	out := p.Problems()
	if out == nil {
		out = make(map[string]string)
	}
	links, err := netlink.LinkList()
	if err != nil {
		out["look"] = "The box cannot look at its own ports. Restart the box."
		return out
	}
	byName := make(map[string]netlink.Link)
	for _, l := range links {
		byName[l.Attrs().Name] = l
	}
	for _, br := range p.Bridges {
		bridgeProblems(br, byName, out)
	}
	uplinkProblems(p.WAN, byName, out)
	return out
}

func bridgeProblems(br Bridge, links map[string]netlink.Link, out map[string]string) {
	l, ok := links[br.Name]
	if !ok || l.Type() != "bridge" || !hasAddress(l, br.Address) {
		out["zone."+br.Zone] = fmt.Sprintf("The network “%s” does not work: the box could not set up its address %s. Restart the box; if it stays so, ask for support.", br.Title, br.Address.Addr())
		return
	}
	for _, port := range br.Ports {
		p, ok := links[port.Name]
		if !ok || p.Attrs().MasterIndex != l.Attrs().Index {
			out["port."+port.Name] = fmt.Sprintf("Port %s is not connected to the network “%s”: whatever is plugged in there is offline. Take the adapter out and put it back in; if it stays so, restart the box.", port.Name, br.Title)
		}
	}
}

func uplinkProblems(up Uplink, links map[string]netlink.Link, out map[string]string) {
	if up.Port == "" {
		return
	}
	l, ok := links[up.Port]
	switch {
	case !ok:
		out["wan.port"] = fmt.Sprintf("The broadband port %s has gone: there is no internet. Plug its adapter back in.", up.Port)
	case !hasSignal(l):
		out["wan.cable"] = fmt.Sprintf("There is no signal on port %s: the internet is cut off. Check that the cable between %s and the broadband router is plugged in at both ends and that the router is switched on.", up.Port, up.Port)
	case up.Address.IsValid() && !hasAddress(l, up.Address):
		out["wan.address"] = fmt.Sprintf("The box could not set the address %s on its broadband port %s: there is no internet. Restart the box; if it stays so, ask for support.", up.Address.Addr(), up.Port)
	}
}

func hasAddress(l netlink.Link, want netip.Prefix) bool {
	have, err := netlink.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		return false
	}
	for _, a := range have {
		if prefixOf(a.IPNet) == want {
			return true
		}
	}
	return false
}
