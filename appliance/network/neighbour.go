package network

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"stairgate/config/identity"
)

// Neighbour is the hardware address behind addr on a bridge, as the kernel
// knows it from the packets it exchanges with it; ok is false when it knows
// none. Whoever has a connection to the box is in the table.
func Neighbour(bridge string, addr netip.Addr) (mac identity.MAC, ok bool, err error) {
	link, err := netlink.LinkByName(bridge)
	if err != nil {
		return mac, false, fmt.Errorf("finding %s: %w", bridge, err)
	}
	all, err := netlink.NeighList(link.Attrs().Index, netlink.FAMILY_V4)
	if err != nil {
		return mac, false, fmt.Errorf("listing the neighbours on %s: %w", bridge, err)
	}
	for _, n := range all {
		if a, isAddr := netip.AddrFromSlice(n.IP); isAddr && a.Unmap() == addr.Unmap() {
			mac, ok = identity.MACFrom(n.HardwareAddr)
			return mac, ok && !mac.IsZero(), nil
		}
	}
	return mac, false, nil
}
