package dhcp

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"stairgate/config/identity"
)

// State is everything Reply looks at: the zones, the leases on record, and what
// is held, offered or quarantined in memory. It belongs to one goroutine at a
// time.
type State struct {
	zones   map[string]*zone
	subnets []Subnet
	invalid error   // what was wrong with subnets
	strays  []Lease // on record, but in no present subnet: kept for the day the subnet comes back
	names   map[string]owner

	standing Standing
}

// owner is who has a DNS label, and until when nobody else may.
type owner struct {
	zone  string
	mac   identity.MAC
	until time.Time
}

// NewState begins with the leases of a Journal. No zone is served before Set.
func NewState(leases []Lease) *State {
	return &State{zones: map[string]*zone{}, strays: slices.Clone(leases), names: map[string]owner{}}
}

// Set makes subnets the zones that are served. Leases and offers stay; the
// quarantines of a zone that changed are forgotten. Setting the same again does
// nothing.
func (s *State) Set(subnets []Subnet, now time.Time) error {
	if s.subnets != nil && reflect.DeepEqual(s.subnets, subnets) {
		return s.invalid
	}
	zones := make(map[string]*zone, len(subnets))
	var errs []error
	for _, n := range subnets {
		z, err := newZone(n, &s.standing)
		if err != nil {
			errs = append(errs, fmt.Errorf("zone %s: %w", n.Zone, err))
			continue
		}
		if old := s.zones[n.Zone]; old != nil && reflect.DeepEqual(old.Subnet, n) {
			z = old
		}
		zones[n.Zone] = z
	}
	leases := s.strays
	for id, old := range s.zones {
		if zones[id] == old {
			continue
		}
		for _, l := range old.leases {
			leases = append(leases, l.Lease)
		}
		// An offer may be the hold of a lease that is being recorded right now.
		for _, o := range slices.SortedFunc(maps.Values(old.offers), func(a, b *offer) int { return a.since.Compare(b.since) }) {
			if z := zones[id]; z != nil && z.serves(o.addr) {
				z.hold(o)
			}
		}
	}
	s.zones, s.subnets, s.strays = zones, slices.Clone(subnets), nil
	for _, l := range leases {
		s.take(l, now)
	}
	s.invalid = errors.Join(errs...)
	return s.invalid
}

// Commit takes leases the Journal has on record into the State.
func (s *State) Commit(leases []Lease, now time.Time) {
	for _, l := range leases {
		s.take(l, now)
		if z := s.zones[l.Zone]; z != nil && l.Live(now) {
			s.settle(z, l)
		}
	}
}

// take puts one lease where it belongs.
func (s *State) take(l Lease, now time.Time) {
	z := s.zones[l.Zone]
	if z == nil || !z.net.Contains(l.Addr) {
		s.stray(l)
		return
	}
	if old := z.leases[l.Addr]; old != nil {
		s.unname(old.Hostname, z.Zone, old.MAC)
	}
	if l.Expires.IsZero() {
		z.forget(l.Addr)
		return
	}
	z.record(l)
	s.rename(z, l.Hostname, l.MAC, l.Expires, now)
}

// Abandon takes back what was to become leases and could not be recorded.
func (s *State) Abandon(leases []Lease) {
	for _, l := range leases {
		if z := s.zones[l.Zone]; z != nil && !l.Expires.IsZero() {
			s.settle(z, l)
		}
	}
}

// settle ends one of the recordings an offer waits for, and with the last the
// offer.
func (s *State) settle(z *zone, l Lease) {
	o := z.offers[l.Addr]
	if o == nil || o.mac != l.MAC {
		return
	}
	if o.pending--; o.pending <= 0 {
		s.withdraw(z, o)
	}
}

// rename notes that a client is called name until a time, if nobody else is.
func (s *State) rename(z *zone, name string, mac identity.MAC, until, now time.Time) {
	o, ok := s.names[name]
	switch {
	case name == "":
	case !ok || !o.until.After(now):
		s.names[name] = owner{z.Zone, mac, until}
	case o.zone == z.Zone && o.mac == mac && until.After(o.until):
		s.names[name] = owner{z.Zone, mac, until}
	}
}

func (s *State) stray(l Lease) {
	s.strays = slices.DeleteFunc(s.strays, func(o Lease) bool { return o.Addr == l.Addr })
	if !l.Expires.IsZero() {
		s.strays = append(s.strays, l)
	}
}

// unname frees a label if it is still that client's and no lease with it is being
// recorded.
func (s *State) unname(name, zone string, mac identity.MAC) {
	if z := s.zones[zone]; z != nil {
		if o := z.offerOf(mac); o != nil && o.pending > 0 && o.name == name {
			return
		}
	}
	if o, ok := s.names[name]; ok && o.zone == zone && o.mac == mac {
		delete(s.names, name)
	}
}

// withdraw gives up an offer and the name that waits with it.
func (s *State) withdraw(z *zone, o *offer) {
	if l := z.leaseOf(o.mac); o.name != "" && (l == nil || l.Hostname != o.name) {
		s.unname(o.name, z.Zone, o.mac)
	}
	z.dropOffer(o)
}

// Apply carries out the part of a Decision that lives in memory.
func (s *State) Apply(d Decision, now time.Time) {
	z := s.zones[d.Zone]
	if z == nil {
		return
	}
	if h := d.Hold; h != nil {
		s.hold(z, *h, d.Commit, now)
	}
	for _, l := range d.Commit {
		if old := z.leases[l.Addr]; old != nil {
			old.pending = true
		}
	}
	if !d.Withdraw.IsZero() {
		if o := z.offerOf(d.Withdraw); o != nil && o.pending == 0 {
			s.withdraw(z, o)
		}
	}
	if d.Quarantine.IsValid() {
		s.Quarantine(d.Zone, d.Quarantine, identity.MAC{}, now)
	}
	if d.Elsewhere.IsValid() {
		z.elsewhere, z.elsewhereAt = d.Elsewhere, now
	}
}

// hold keeps an address for a client. With a name it is about to be its lease.
func (s *State) hold(z *zone, h Hold, commit []Lease, now time.Time) {
	n := &offer{addr: h.Addr, mac: h.MAC, name: h.Name, since: now, until: now.Add(holdTime)}
	if o := z.offerOf(h.MAC); o != nil && o.addr == h.Addr {
		n.verified, n.pending = o.verified, o.pending
		if n.name == "" {
			n.name = o.name
		}
		if o.pending = 0; o.name != n.name {
			s.withdraw(z, o)
		} else {
			z.dropOffer(o)
		}
	} else if o != nil {
		s.withdraw(z, o)
	}
	if o := z.offers[h.Addr]; o != nil {
		s.withdraw(z, o) // an old offer nobody took up
	}
	for _, l := range commit {
		if l.Addr == h.Addr && l.MAC == h.MAC {
			n.pending++
			s.rename(z, h.Name, h.MAC, l.Expires, now)
		}
	}
	z.hold(n)
}

// Expire forgets offers and quarantines whose time is up.
func (s *State) Expire(now time.Time) {
	for _, z := range s.zones {
		for len(z.offerQueue) > 0 {
			o := z.offerQueue[0]
			if z.offers[o.addr] == o {
				if o.until.After(now) {
					break
				}
				if o.pending == 0 {
					s.withdraw(z, o)
				}
			}
			z.offerQueue = z.offerQueue[1:]
		}
		for len(z.quarantineQueue) > 0 {
			q := z.quarantineQueue[0]
			if z.quarantined[q.addr] == q {
				if q.until.After(now) {
					break
				}
				z.release(q)
			}
			z.quarantineQueue = z.quarantineQueue[1:]
		}
	}
}

// Verified notes that nobody answered for an offered address.
func (s *State) Verified(zone string, addr netip.Addr) {
	if z := s.zones[zone]; z != nil {
		if o := z.offers[addr]; o != nil {
			o.verified = true
		}
	}
}

// Quarantine keeps addr out of use: mac (zero if unknown) uses it without a
// lease. The client with that address may still ask for it properly.
func (s *State) Quarantine(zone string, addr netip.Addr, mac identity.MAC, now time.Time) {
	z := s.zones[zone]
	if z == nil {
		return
	}
	if o := z.offers[addr]; o != nil && o.mac != mac && o.pending == 0 {
		s.withdraw(z, o)
	}
	z.quarantine(addr, mac, now)
}

// Saw notes that mac uses addr, as its ARP packets say. It reports whether that
// is a conflict: somebody else's address, or nobody's.
func (s *State) Saw(zone string, addr netip.Addr, mac identity.MAC, now time.Time) bool {
	z := s.zones[zone]
	if z == nil || addr == z.Addr.Addr() || !z.serves(addr) {
		return false
	}
	if l := z.leases[addr]; l != nil && l.Live(now) {
		if l.MAC == mac {
			return false
		}
		z.borrower, z.borrowed, z.borrowedAt = mac, addr, now
		return true
	}
	if o := z.offers[addr]; o != nil && (o.mac == mac || o.pending > 0) {
		if o.mac == mac {
			return false // it has just been given it
		}
		z.borrower, z.borrowed, z.borrowedAt = mac, addr, now
		return true
	}
	s.Quarantine(zone, addr, mac, now)
	return true
}

// Leases returns the leases in force, in address order.
func (s *State) Leases(now time.Time) []Lease {
	var out []Lease
	for _, z := range s.zones {
		for _, l := range z.leases {
			if l.Live(now) {
				out = append(out, l.Lease)
			}
		}
	}
	slices.SortFunc(out, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return out
}
