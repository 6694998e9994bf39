package network

import (
	"fmt"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
)

// Ports returns the names of the Ethernet ports that are there: physical ones,
// and in the lab one end of a virtual cable. Bridges, tunnels, the loopback and
// wireless cards are not ports.
func Ports() ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing links: %w", err)
	}
	var out []string
	for _, l := range links {
		if isPort(l) {
			out = append(out, l.Attrs().Name)
		}
	}
	slices.Sort(out)
	return out, nil
}

func isPort(l netlink.Link) bool {
	a := l.Attrs()
	if a.EncapType != "ether" {
		return false // loopback, tunnels, WireGuard, cellular modems
	}
	switch l.Type() {
	case "device": // no kind: a driver's
		// A wireless card cannot join a bridge as a station, and as an access
		// point it would need keys that the configuration does not hold.
		_, err := os.Stat("/sys/class/net/" + a.Name + "/phy80211")
		return err != nil
	case "veth":
		return true
	}
	return false
}
