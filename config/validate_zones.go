package config

import (
	"net/netip"
	"slices"
	"time"

	"stairgate/config/identity"
)

// The bounds of a zone.
const (
	maxZones = 8
	maxPorts = 16

	// maxZoneID keeps "br-" and the name, and a suffix for a VLAN to come, in
	// the 15 letters of an interface's name.
	maxZoneID = 10

	minLease = Duration(2 * time.Minute)
	maxLease = Duration(7 * 24 * time.Hour)
)

// anyPort stands for every Ethernet port that is named nowhere else.
const anyPort = "*"

func checkZones(c Config, say say) {
	switch n := len(c.Zones); {
	case n == 0:
		say("zones", `There is no zone, so nobody could be online. Write at least one of kind "school".`)
	case n > maxZones:
		say("zones", "There are %d zones; the box takes at most %d.", n, maxZones)
	}
	ids, names := map[string]int{}, map[string]int{}
	for i, z := range c.Zones {
		path := index("zones", i)
		if !lower(z.ID, maxZoneID) {
			say(path+".id", `%s cannot be a zone's id. Write 1 to %d of a-z, 0-9 and - (not first or last), such as "school": the bridge is named after it, and Linux takes no longer name.`, quote(z.ID), maxZoneID)
		}
		unique(say, path+".id", "zone id", ids, z.ID, i, "zones")
		const most = 60
		if !oneLine(z.Name, most) {
			say(path+".name", `Pages show the zone's name. Write it in one line of at most %d letters, such as "School network".`, most)
		}
		unique(say, path+".name", "zone name", names, z.Name, i, "zones")
		choose(say, path+".kind", z.Kind, "kind of zone called", ZoneSchool, ZoneGuest)
	}
}

// checkPorts makes sure that every port serves one purpose: a port in two
// bridges is impossible, and the broadband line in a bridge is an open door.
func checkPorts(c Config, say say) {
	used := map[string]string{}
	for i, z := range c.Zones {
		path := index("zones", i) + ".ports"
		if len(z.Ports) == 0 {
			say(path, `The zone has no port. Write the names of its ports, such as ["eth1"], or ["*"] for every port not named elsewhere.`)
		}
		if len(z.Ports) > maxPorts {
			say(path, `The zone has %d ports; write at most %d, or ["*"] for every port not named elsewhere.`, len(z.Ports), maxPorts)
		}
		for k, port := range z.Ports {
			at := index(path, k)
			switch first, twice := used[port]; {
			case port == anyPort && twice:
				say(at, `"*" means every port not named elsewhere and can stand in one zone only; it stands at %s already. Name the ports here.`, first)
			case port == anyPort:
				used[port] = at
			case !portName(port):
				say(at, `%s cannot be a port. Write the name of a network interface, such as "eth1": at most 15 letters, digits, - _ and full stops.`, quote(port))
			case reserved(port):
				say(at, `%s belongs to the box itself. Write the name of a port with a socket, such as "eth1".`, quote(port))
			case port == c.WAN.Port:
				say(at, "The port %s is the broadband line (wan.port), which must never be part of the school's network. Remove it here or change wan.port.", port)
			case twice:
				say(at, "The port %s stands at %s already; a port belongs to one zone. Remove one of the two.", port, first)
			default:
				used[port] = at
			}
		}
	}
}

func checkSubnets(c Config, say say) {
	for i, z := range c.Zones {
		path := index("zones", i) + ".address"
		addr := z.Address.Addr()
		switch {
		case !z.Address.IsValid():
			say(path, `The box needs an address in the zone. Write it with the length of the network, such as %s.`, quote(spare(c)))
		case !addr.Is4():
			say(path, `%s is not an IPv4 address, and zones are IPv4 only. Write one such as %s.`, z.Address, quote(spare(c)))
		case !zoneLength(z.Address):
			say(path, `A network of length /%d is too %s for a zone. Write a length from /16 to /29; /24 has room for 254 devices.`, z.Address.Bits(), word(z.Address.Bits() < 16, "large", "small"))
		case !addr.IsPrivate():
			say(path, `%s is an address of the public Internet: who has it there could not be reached from the school. Write one from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, such as %s.`, addr, quote(spare(c)))
		case !host(z.Address, addr):
			first, last := usable(z.Address)
			say(path, "%s is the address of the network or of everybody in it. Write the box's own address, from %s to %s; %s is usual.", addr, first, last, first)
		default:
			checkOverlap(c, i, path, say)
		}
	}
}

// zoneLength reports whether a zone's network has room for a school's devices
// and no more addresses than the box can look after.
func zoneLength(p netip.Prefix) bool { return p.Bits() >= 16 && p.Bits() <= 29 }

// checkOverlap compares the subnet of zone i with the earlier ones and with the
// broadband side.
func checkOverlap(c Config, i int, path string, say say) {
	z := c.Zones[i]
	for _, other := range c.Zones[:i] {
		if ipv4Subnet(other.Address) && other.Address.Overlaps(z.Address) {
			say(path, "The network %s overlaps with %s of the zone %s: the box could not tell to which of them a device belongs. Write another, such as %s.",
				z.Address.Masked(), other.Address.Masked(), quote(other.Name), quote(spare(c)))
			return
		}
	}
	if c.WAN.Mode == WANStatic && ipv4Subnet(c.WAN.Address) && c.WAN.Address.Overlaps(z.Address) {
		say(path, "The network %s overlaps with %s on the broadband side (wan.address): the box could not tell inside from outside. Write another, such as %s.",
			z.Address.Masked(), c.WAN.Address.Masked(), quote(spare(c)))
	}
}

// spare is the box's address in a subnet that nothing in c uses.
func spare(c Config) string {
	taken := []netip.Prefix{c.WAN.Address}
	for _, z := range c.Zones {
		taken = append(taken, z.Address)
	}
	for _, net := range [][2]byte{{192, 168}, {10, 77}, {172, 16}} {
		for third := range 256 {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{net[0], net[1], byte(77 + third), 1}), 24)
			if !slices.ContainsFunc(taken, func(t netip.Prefix) bool { return ipv4Subnet(t) && t.Overlaps(p) }) {
				return p.String()
			}
		}
	}
	return "10.0.0.1/24"
}

func checkPools(c Config, say say) {
	for i, z := range c.Zones {
		path := index("zones", i) + ".pool"
		checkPool(z, path, say)
		switch lease := z.Pool.Lease; {
		case lease < minLease:
			say(path+".lease", `A lease of %s is too short: devices would ask all the time. Write at least "2m"; "12h" suits a school day.`, lease)
		case lease > maxLease:
			say(path+".lease", `A lease of %s is too long: the pool would run out of addresses of devices long gone. Write at most "168h" (a week); "12h" suits a school day.`, lease)
		}
	}
}

// checkPool checks the two ends against the zone's subnet. Whatever is wrong
// with the subnet itself is said elsewhere.
func checkPool(z Zone, path string, say say) {
	from, to := z.Pool.From, z.Pool.To
	if !ipv4Subnet(z.Address) || !zoneLength(z.Address) {
		return
	}
	first, last := usable(z.Address)
	fits := true
	for _, end := range []struct {
		key, verb string
		addr      netip.Addr
	}{{"from", "begins", from}, {"to", "ends", to}} {
		switch {
		case !end.addr.IsValid():
			say(path+"."+end.key, "The pool %s nowhere. Write an address from %s to %s.", end.verb, first, last)
		case !host(z.Address, end.addr):
			say(path+"."+end.key, "The pool %s at %s, which no device in the zone's network %s can have. Write an address from %s to %s.", end.verb, end.addr, z.Address.Masked(), first, last)
		default:
			continue
		}
		fits = false
	}
	box := z.Address.Addr()
	switch {
	case !fits:
	case to.Less(from):
		say(path+".to", "The pool ends at %s, before it begins (%s). Swap the two.", to, from)
	case !box.Less(from) && !to.Less(box) && box == first && from.Less(to):
		say(path+".from", "The pool contains the box's own address %s. Let it begin at %s or later.", box, box.Next())
	case !box.Less(from) && !to.Less(box):
		say(path+".from", "The pool from %s to %s contains the box's own address %s. Let it begin after or end before that.", from, to, box)
	}
}

// checkDefaults makes sure that a stranger's device gets a group that exists
// and opens nothing.
func checkDefaults(c Config, say say) {
	if len(c.Groups) == 0 {
		return // checkLockOut says it
	}
	var ids []string // that can be recommended
	for _, g := range c.Groups {
		if lower(g.ID, maxGroupID) {
			ids = append(ids, g.ID)
		}
	}
	for i, z := range c.Zones {
		path := index("zones", i) + ".default"
		k := slices.IndexFunc(c.Groups, func(g identity.Group) bool { return g.ID == z.Default })
		if k < 0 {
			if meant, ok := nearest(z.Default, ids); ok {
				say(path, "There is no group %s. Did you mean %s?", quote(z.Default), quote(meant))
			} else {
				say(path, "There is no group %s. Write the id of one in groups: %s.", quote(z.Default), join(ids))
			}
			continue
		}
		switch g := c.Groups[k]; {
		case g.Admin && z.Kind == ZoneGuest:
			say(path, "The group %s may open the admin pages; visitors' devices must not be in it by default. Write another group.", quote(g.ID))
		case g.Admin:
			say(path, `The group %s may open the admin pages; by default every device of the zone would be in it. Write another group and put the technician's device in %s on the admin page.`, quote(g.ID), quote(g.ID))
		}
	}
}

// word chooses between two words.
func word(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}
