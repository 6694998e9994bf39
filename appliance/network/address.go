package network

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeProtocol marks our routes (`ip route` shows "proto 83").
const routeProtocol netlink.RouteProtocol = 83

// addresses leaves a managed link with the wanted address and no other (with
// none for nil). The wanted one is added before another is removed, and one
// that is there already is not touched: connections go on.
func (a *applier) addresses(l netlink.Link, want *netlink.Addr) {
	if want != nil {
		a.addAddress(l, want)
	}
	have, err := a.h.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		a.fail(err, "listing the addresses of %s", l.Attrs().Name)
		return
	}
	for _, addr := range have {
		if want == nil || !addr.Equal(*want) {
			a.try(a.h.AddrDel(l, &addr), "removing %s from %s", addr.IPNet, l.Attrs().Name)
		}
	}
}

func (a *applier) addAddress(l netlink.Link, want *netlink.Addr) {
	have, err := a.h.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		a.fail(err, "listing the addresses of %s", l.Attrs().Name)
		return
	}
	if slices.ContainsFunc(have, want.Equal) {
		return
	}
	a.try(a.h.AddrAdd(l, want), "adding %s to %s", want.IPNet, l.Attrs().Name)
}

// routes leaves the main table with the wanted ones of our routes and no other.
func (a *applier) routes(want []netlink.Route) {
	ours, err := a.h.RouteListFiltered(netlink.FAMILY_V4,
		&netlink.Route{Protocol: routeProtocol, Table: unix.RT_TABLE_MAIN},
		netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		a.fail(err, "listing routes")
		return
	}
	for _, r := range want {
		if !slices.ContainsFunc(ours, func(o netlink.Route) bool { return sameRoute(r, o) }) {
			// Replace, so that there is always one default route.
			a.try(a.h.RouteReplace(&r), "setting the route %s", r.Dst)
		}
	}
	for _, r := range ours {
		wanted := slices.ContainsFunc(want, func(o netlink.Route) bool {
			return sameRoute(r, o) || prefixOf(r.Dst) == prefixOf(o.Dst) // replaced above
		})
		if !wanted {
			if err := a.h.RouteDel(&r); !errors.Is(err, unix.ESRCH) { // gone with its address
				a.try(err, "removing the route %s", r.Dst)
			}
		}
	}
}

// wantedRoutes orders the routes of the uplink: those on the link itself first,
// because the others' gateways may be behind them.
func wantedRoutes(up Uplink, l netlink.Link) []netlink.Route {
	var direct, indirect []netlink.Route
	for _, r := range up.Routes {
		nr := netlink.Route{
			LinkIndex: l.Attrs().Index,
			Dst:       ipNet(r.To),
			Src:       up.Address.Addr().AsSlice(),
			Protocol:  routeProtocol,
			Table:     unix.RT_TABLE_MAIN,
			Type:      unix.RTN_UNICAST,
			Scope:     netlink.SCOPE_LINK,
		}
		if !r.Via.IsValid() {
			direct = append(direct, nr)
			continue
		}
		nr.Gw, nr.Scope = r.Via.AsSlice(), netlink.SCOPE_UNIVERSE
		if !up.Address.Contains(r.Via) {
			nr.Flags = int(netlink.FLAG_ONLINK)
		}
		indirect = append(indirect, nr)
	}
	return append(direct, indirect...)
}

func sameRoute(a, b netlink.Route) bool {
	const shown = int(netlink.FLAG_ONLINK) // not "linkdown" and other observations
	return a.LinkIndex == b.LinkIndex && prefixOf(a.Dst) == prefixOf(b.Dst) &&
		a.Gw.Equal(b.Gw) && a.Src.Equal(b.Src) && a.Scope == b.Scope && a.Flags&shown == b.Flags&shown
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefixOf is comparable; the kernel's missing destination is the default route.
func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return anywhere
	}
	addr, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits)
}
