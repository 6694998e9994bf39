package dhcp

import (
	"fmt"
	"time"
)

// sighting is how long something seen on the wire stays a problem.
const sighting = 30 * time.Minute

// called is a zone's name for people.
func (s *State) called(id string) string {
	for _, n := range s.subnets {
		if n.Zone == id && n.Name != "" {
			return n.Name
		}
	}
	return id
}

// problems are what is wrong in the zone at now.
func (z *zone) problems(now time.Time) map[string]string {
	out := map[string]string{}
	name := z.Name
	if name == "" {
		name = z.Zone
	}
	if leased, blocked, full := z.fill(now); full {
		s := fmt.Sprintf("The network “%s” has given out all %d addresses of its pool, so a device that is new cannot join.", name, leased)
		if z.keep(now) > 0 {
			s = fmt.Sprintf("The network “%s” has given out %d addresses and keeps the rest of its pool for approved devices, so a device that is new cannot join.", name, leased)
		}
		if blocked > 0 {
			s = fmt.Sprintf("The network “%s” has no address left: %d are given out and %d are in use by devices that did not ask for them. A device that is new cannot join.", name, leased, blocked)
		}
		switch strangers := z.strangers(now); {
		case strangers > leased/2:
			// One device that makes up hardware addresses looks like this.
			s += fmt.Sprintf(" %d of them went to devices nobody has approved; approved devices still get an address. If you do not know that many new devices, one of them is up to no good: look which are waiting, find it and switch it off.", strangers)
		default:
			s += " Make the pool larger, or the lease time shorter."
		}
		out["pool"] = s
	}
	if z.elsewhere.IsValid() && now.Sub(z.elsewhereAt) < sighting {
		out["rogue"] = fmt.Sprintf("Another device (%s) gives out addresses on the network “%s”. Find it and switch its DHCP server off: devices that listen to it get round the filter or lose the Internet.", z.elsewhere, name)
	}
	if z.borrowed.IsValid() && now.Sub(z.borrowedAt) < sighting {
		out["conflict"] = fmt.Sprintf("Device %s on the network “%s” uses the address %s, which belongs to another device. Set it to get its address automatically.", z.borrower, name, z.borrowed)
	} else if a, m, n := z.squatter(now); n > 0 {
		out["conflict"] = fmt.Sprintf("Device %s on the network “%s” uses the address %s without having been given it (%d such addresses). Set it to get its address automatically, or move the pool.", m, name, a, n)
	}
	return out
}

// fill counts the pool. It is full when no stranger could get an address: offers
// do not count, nobody has taken them up.
func (z *zone) fill(now time.Time) (leased, blocked int, full bool) {
	free := 0
	for i := range z.size {
		a := fromInt(z.first + uint32(i))
		_, kept := z.reserved[a]
		l, q := z.leases[a], z.quarantined[a]
		switch {
		case z.special(a):
		case l != nil && l.Live(now):
			leased++
		case kept:
		case q != nil:
			blocked++
		default:
			free++
		}
	}
	return leased, blocked, free <= z.keep(now)
}

// squatter is one device seen to use an address of ours without a lease, and how
// many such addresses there are.
func (z *zone) squatter(now time.Time) (addr, mac string, n int) {
	for _, q := range z.quarantineQueue {
		if z.quarantined[q.addr] == q && !q.mac.IsZero() && q.until.After(now) {
			if n == 0 {
				addr, mac = q.addr.String(), q.mac.String()
			}
			n++
		}
	}
	return addr, mac, n
}
