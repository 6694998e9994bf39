package config

import (
	"net/netip"

	"stairgate/config/identity"
)

const maxReservations = 500

// magic holds names that operating systems look up by themselves and believe:
// a proxy, a tunnel, the device itself.
var magic = map[string]bool{"wpad": true, "isatap": true, "localhost": true}

func checkReservations(c Config, say say) {
	if n := len(c.Reservations); n > maxReservations {
		say("reservations", "There are %d reservations; the box takes at most %d.", n, maxReservations)
	}
	macs, addrs, names := map[identity.MAC]int{}, map[netip.Addr]int{}, map[string]int{}
	for i, r := range c.Reservations {
		path := index("reservations", i)
		if r.MAC.IsZero() || r.MAC[0]&1 != 0 {
			say(path+".mac", "%s is not the hardware address of one device. Write the one that the device's settings or its label show.", r.MAC)
		}
		unique(say, path+".mac", "hardware address", macs, r.MAC, i, "reservations")
		unique(say, path+".addr", "address", addrs, r.Addr, i, "reservations")
		if !label(r.Name) {
			say(path+".name", `%s cannot be a device's name. Write one label of a-z, 0-9 and -, such as "printer"; the local domain is added.`, quote(r.Name))
		}
		if magic[r.Name] {
			say(path+".name", "Computers trust whatever is called %s with their settings. Write another name.", quote(r.Name))
		}
		unique(say, path+".name", "name", names, r.Name, i, "reservations")
	}
}

func checkReservedAddresses(c Config, say say) {
	for i, r := range c.Reservations {
		path := index("reservations", i) + ".addr"
		zone, ok := zoneOf(c, r.Addr)
		switch {
		case !r.Addr.Is4():
			say(path, `The reservation needs an IPv4 address. Write one such as "192.168.77.20".`)
		case !ok:
			say(path, "%s lies in no zone's network: %s. Write an address from one of them.", r.Addr, subnets(c))
		case r.Addr == zone.Address.Addr():
			say(path, "%s is the box's own address in the zone %s. Write another.", r.Addr, quote(zone.Name))
		case !host(zone.Address, r.Addr):
			first, last := usable(zone.Address)
			say(path, "%s is the address of the network or of everybody in it. Write one from %s to %s.", r.Addr, first, last)
		}
	}
}

func checkReservedNames(c Config, say say) {
	for i, r := range c.Reservations {
		if r.Name != "" && r.Name == c.Portal.Host {
			say(index("reservations", i)+".name", "%s is the portal's name (portal.host): people would find the device instead of the sign-in page. Write another.", quote(r.Name))
		}
	}
}

// zoneOf finds the zone in whose subnet a lies.
func zoneOf(c Config, a netip.Addr) (Zone, bool) {
	for _, z := range c.Zones {
		if ipv4Subnet(z.Address) && z.Address.Contains(a) {
			return z, true
		}
	}
	return Zone{}, false
}

// subnets lists the zones' networks for a sentence.
func subnets(c Config) string {
	var list []netip.Prefix
	for _, z := range c.Zones {
		if ipv4Subnet(z.Address) {
			list = append(list, z.Address.Masked())
		}
	}
	return join(list)
}
