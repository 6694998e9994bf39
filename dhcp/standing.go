package dhcp

import (
	"maps"
	"math/bits"
	"net/netip"
	"time"

	"stairgate/config/identity"
)

// strangerLease is how long a device nobody has approved keeps an address without
// asking again: long enough to sign in at leisure, short enough that made-up
// devices do not hold a pool for a day.
const strangerLease = 10 * time.Minute

// answeredFor is how long a stranger that was heard to use its address keeps it
// from somebody known.
const answeredFor = 15 * time.Minute

// Standing says how the school stands to devices, so that one that makes up
// hardware addresses cannot take the addresses of those that belong here.
type Standing struct {
	// Known are the devices that belong here. They get leases of the zone's length,
	// part of each pool is kept free for them, and when it is full all the same
	// they are given the lease of a stranger. Nil: nobody is told apart.
	Known map[identity.MAC]bool
	// Seated are devices that keep what they have, known or not: somebody is
	// signed in on them.
	Seated map[identity.MAC]bool
}

// Know sets how devices stand from now on; leases given stay as they are. The
// maps must not be changed any more.
func (s *State) Know(n Standing) { s.standing = n }

// Know is State.Know. It may be called any number of times.
func (s *Server) Know(n Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Know(n)
}

// knows reports whether m belongs here.
func (n *Standing) knows(m identity.MAC) bool { return n.Known == nil || n.Known[m] }

// length is how long a lease of m lasts.
func (z *zone) length(m identity.MAC) time.Duration {
	if z.standing.knows(m) {
		return z.Lease
	}
	return min(z.Lease, strangerLease)
}

// crowded reports whether what is left of the pool at now is kept for others
// than m. Who holds an address already is not asked again.
func (z *zone) crowded(m identity.MAC, now time.Time) bool {
	if z.Open || z.standing.knows(m) || z.reservation[m].Addr.IsValid() {
		return false
	}
	if l := z.leaseOf(m); l != nil && l.Live(now) {
		return false
	}
	if o := z.offerOf(m); o != nil && o.stands(now) {
		return false
	}
	kept := min(len(z.standing.Known), z.size/2)
	if z.used.clear() > kept {
		return false // the usual case, without a look at each address
	}
	return z.free(now) <= z.keep(now)
}

// keep is how many addresses are kept for known devices that have none here; at
// most half of those that are not reserved, as most of the devices may never come.
func (z *zone) keep(now time.Time) int {
	if z.Open {
		return 0
	}
	n := 0
	for m := range z.standing.Known {
		l, o := z.leaseOf(m), z.offerOf(m)
		_, reserved := z.reservation[m]
		if !reserved && (l == nil || !l.Live(now)) && (o == nil || !o.stands(now)) {
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return min(n, z.shared()/2)
}

// shared counts the addresses of the pool that are no device's own.
func (z *zone) shared() (n int) {
	for i := range z.size {
		a := fromInt(z.first + uint32(i))
		if _, kept := z.reserved[a]; !kept && !z.special(a) {
			n++
		}
	}
	return n
}

// free counts the addresses of the pool that nobody holds, waits for or uses.
func (z *zone) free(now time.Time) (n int) {
	for i := range z.size {
		a := fromInt(z.first + uint32(i))
		_, kept := z.reserved[a]
		l, o, q := z.leases[a], z.offers[a], z.quarantined[a]
		if !z.special(a) && !kept && (l == nil || !l.Live(now)) && (o == nil || !o.stands(now)) && (q == nil || !q.until.After(now)) {
			n++
		}
	}
	return n
}

// yields reports whether a lease in force gives way to m: it is a stranger's, and
// the address has been chosen for m, who is known.
func (z *zone) yields(l *record, m identity.MAC) bool {
	o := z.offers[l.Addr]
	return o != nil && o.mac == m && z.mayTake(l, m)
}

func (z *zone) mayTake(l *record, m identity.MAC) bool {
	return z.standing.Known != nil && z.standing.knows(m) && !z.standing.knows(l.MAC) && !z.standing.Seated[l.MAC]
}

// dispossess finds the lease of a stranger for m, when nothing else is left: the
// one that was renewed longest ago, and of nobody who was heard to use it lately.
func (z *zone) dispossess(m identity.MAC, now time.Time) (netip.Addr, bool) {
	var oldest *record
	for _, l := range z.leases {
		_, kept := z.reserved[l.Addr]
		o, q := z.offers[l.Addr], z.quarantined[l.Addr]
		if kept || l.pending || !z.inPool(l.Addr) || !z.mayTake(l, m) || now.Sub(l.answered) < answeredFor && !now.Before(l.answered) ||
			o != nil && o.stands(now) || q != nil && q.until.After(now) {
			continue
		}
		if oldest == nil || l.Expires.Before(oldest.Expires) || l.Expires.Equal(oldest.Expires) && l.Addr.Less(oldest.Addr) {
			oldest = l
		}
	}
	if oldest == nil {
		return netip.Addr{}, false
	}
	return oldest.Addr, true
}

// Answered notes that mac, who has a lease of addr, uses it. It reports whether
// the address was about to go to somebody else, who is now to get another.
func (s *State) Answered(zone string, addr netip.Addr, mac identity.MAC, now time.Time) bool {
	z := s.zones[zone]
	if z == nil {
		return false
	}
	l, o := z.leases[addr], z.offers[addr]
	if l == nil || l.MAC != mac || !l.Live(now) || o == nil || o.mac == mac || o.pending > 0 {
		return false
	}
	l.answered = now
	s.withdraw(z, o)
	return true
}

// strangers counts the addresses that devices have which nobody approved.
func (z *zone) strangers(now time.Time) (n int) {
	for l := range maps.Values(z.leases) {
		if z.inPool(l.Addr) && l.Live(now) && !z.standing.knows(l.MAC) {
			n++
		}
	}
	return n
}

// clear counts the bits that are not set.
func (b bitmap) clear() int {
	n := b.size
	for _, w := range b.words {
		n -= bits.OnesCount64(w)
	}
	return n
}
