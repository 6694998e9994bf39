package dhcp

import (
	"container/heap"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
)

const (
	// holdTime is how long an offered address waits for its REQUEST.
	holdTime = 30 * time.Second
	// leastHold is how long it waits even when every other address is gone. Made-up
	// clients that never come back cannot fill a pool for longer.
	leastHold = 3 * time.Second
	// quarantineTime is how long an address that turned out to be in use is left
	// alone.
	quarantineTime = 15 * time.Minute
	// largestPool bounds what a zone costs in memory.
	largestPool = 1 << 16
)

// zone is one subnet with its addresses.
type zone struct {
	Subnet
	net      netip.Prefix
	last     netip.Addr // the broadcast address
	first    uint32     // of the pool
	size     int
	used     bitmap // pool addresses nobody new may have without a closer look
	leases   map[netip.Addr]*record
	byMAC    map[identity.MAC]netip.Addr // of leases
	offers   map[netip.Addr]*offer
	offerTo  map[identity.MAC]netip.Addr
	expiring expiring // leases that could be given to somebody else once they have run out

	offerQueue      []*offer // oldest first; may hold offers that are gone
	quarantined     map[netip.Addr]*quarantined
	quarantineQueue []*quarantined

	reservation map[identity.MAC]config.Reservation
	reserved    map[netip.Addr]identity.MAC
	taken       map[string]bool
	standing    *Standing // the State's

	elsewhere   netip.Addr // another server a client has chosen
	elsewhereAt time.Time
	borrowed    netip.Addr // a lease somebody else uses
	borrower    identity.MAC
	borrowedAt  time.Time
}

// record is a lease on record.
type record struct {
	Lease
	place   int  // index in expiring, -1 for none
	pending bool // something newer about this address is being recorded

	answered time.Time // when its client was heard to use it while somebody known needed it
}

// offer is an address held for a client.
type offer struct {
	addr         netip.Addr
	mac          identity.MAC
	name         string
	since, until time.Time
	verified     bool // the wire was asked, nobody answered
	// pending counts the leases of this address for this client that are being
	// recorded. While there are any the address is as good as leased: the offer
	// neither runs out nor gives way.
	pending int
}

// stands reports whether the offer still binds us at now.
func (o *offer) stands(now time.Time) bool { return o.pending > 0 || o.until.After(now) }

// quarantined is an address in use by a device that has no lease for it.
type quarantined struct {
	addr  netip.Addr
	mac   identity.MAC // who was seen using it, zero if unknown
	until time.Time
}

func newZone(n Subnet, standing *Standing) (*zone, error) {
	switch {
	case !n.Addr.IsValid() || !n.Addr.Addr().Is4() || n.Addr.Bits() > 30:
		return nil, fmt.Errorf("%v is not the box's IPv4 address with a subnet of at least /30", n.Addr)
	case !n.Addr.Contains(n.From) || !n.Addr.Contains(n.To) || n.To.Less(n.From):
		return nil, fmt.Errorf("the pool %v to %v does not lie in %v", n.From, n.To, n.Addr.Masked())
	case n.Lease < time.Second:
		return nil, errors.New("the lease time is shorter than a second")
	}
	z := &zone{
		Subnet: n, net: n.Addr.Masked(), last: lastOf(n.Addr), first: toInt(n.From), size: int(toInt(n.To)-toInt(n.From)) + 1,
		leases: map[netip.Addr]*record{}, byMAC: map[identity.MAC]netip.Addr{},
		offers: map[netip.Addr]*offer{}, offerTo: map[identity.MAC]netip.Addr{},
		quarantined: map[netip.Addr]*quarantined{},
		reservation: map[identity.MAC]config.Reservation{}, reserved: map[netip.Addr]identity.MAC{},
		taken: map[string]bool{}, standing: standing,
	}
	if z.size > largestPool {
		return nil, fmt.Errorf("the pool has %d addresses; at most %d are served", z.size, largestPool)
	}
	z.used = newBitmap(z.size)
	for _, r := range n.Reservations {
		if n.Addr.Contains(r.Addr) && r.Addr != n.Addr.Addr() {
			z.reservation[r.MAC], z.reserved[r.Addr] = r, r.MAC
			z.refresh(r.Addr)
		}
	}
	for _, name := range n.Taken {
		z.taken[name] = true
	}
	for _, a := range []netip.Addr{n.Addr.Addr(), z.net.Addr(), z.last} {
		z.refresh(a)
	}
	return z, nil
}

// inPool reports whether strangers may have a.
func (z *zone) inPool(a netip.Addr) bool {
	return a.Is4() && z.From.Compare(a) <= 0 && a.Compare(z.To) <= 0 && !z.special(a)
}

// special are the addresses of a subnet that no client can have.
func (z *zone) special(a netip.Addr) bool {
	return a == z.Addr.Addr() || a == z.net.Addr() || a == z.last
}

// serves reports whether a is one we give out, to anybody.
func (z *zone) serves(a netip.Addr) bool {
	_, ok := z.reserved[a]
	return ok || z.inPool(a)
}

func (z *zone) leaseOf(m identity.MAC) *record {
	a, ok := z.byMAC[m]
	if !ok {
		return nil
	}
	return z.leases[a]
}

func (z *zone) offerOf(m identity.MAC) *offer {
	a, ok := z.offerTo[m]
	if !ok {
		return nil
	}
	return z.offers[a]
}

// passedOn reports whether the lease of a, that was m's and has run out or was
// taken from it, is being recorded for somebody else. Forgetting it now would forget the new one.
func (z *zone) passedOn(a netip.Addr, m identity.MAC) bool {
	o := z.offers[a]
	return o != nil && o.mac != m && o.pending > 0
}

// open reports whether m may have a at now: it is ours to give, nobody else
// holds it, and it is not kept for somebody else.
func (z *zone) open(a netip.Addr, m identity.MAC, now time.Time) bool {
	if z.special(a) || !z.serves(a) {
		return false
	}
	if r, ok := z.reserved[a]; ok && r != m {
		return false
	}
	if l := z.leases[a]; l != nil && l.MAC != m && l.Live(now) && !z.yields(l, m) {
		return false
	}
	if o := z.offers[a]; o != nil && o.mac != m && o.stands(now) {
		return false
	}
	if q := z.quarantined[a]; q != nil && q.until.After(now) && (q.mac.IsZero() || q.mac != m) {
		return false
	}
	return true
}

// choose finds an address for a client that has none: its reservation, the one
// it had, the one it is offered, the one it would like if nobody ever had it, one
// nobody ever had beginning at the hash of its hardware address (so that it gets
// the same again after the records were lost), the one that ran out longest ago,
// an offer that nobody took up, and last, for a known device, the lease of a
// stranger.
func (z *zone) choose(m identity.MAC, wish netip.Addr, now time.Time) (netip.Addr, bool) {
	if o := z.offerOf(m); o != nil && o.pending > 0 {
		return o.addr, true // its lease is being recorded
	}
	if r, ok := z.reservation[m]; ok && z.open(r.Addr, m, now) {
		return r.Addr, true
	}
	if l := z.leaseOf(m); l != nil && z.open(l.Addr, m, now) {
		return l.Addr, true
	}
	if o := z.offerOf(m); o != nil && z.open(o.addr, m, now) {
		return o.addr, true
	}
	if wish.IsValid() && z.inPool(wish) && !z.used.has(int(toInt(wish)-z.first)) {
		return wish, true
	}
	h := fnv.New32a()
	h.Write(m[:])
	if i, ok := z.used.free(int(h.Sum32() % uint32(z.size))); ok {
		return fromInt(z.first + uint32(i)), true
	}
	if len(z.expiring) > 0 && !z.expiring[0].Live(now) && z.open(z.expiring[0].Addr, m, now) {
		return z.expiring[0].Addr, true
	}
	for _, o := range z.offerQueue {
		if o.since.Add(leastHold).After(now) {
			break
		}
		_, kept := z.reserved[o.addr]
		if z.offers[o.addr] == o && o.pending == 0 && !kept {
			return o.addr, true
		}
	}
	return z.dispossess(m, now)
}

// refresh brings used and expiring up to date for one address.
func (z *zone) refresh(a netip.Addr) {
	l, o, q := z.leases[a], z.offers[a], z.quarantined[a]
	_, kept := z.reserved[a]
	if i := int(toInt(a)) - int(z.first); i >= 0 && i < z.size {
		z.used.set(i, l != nil || o != nil || q != nil || kept || z.special(a))
	}
	if l == nil {
		return
	}
	switch reusable := z.inPool(a) && o == nil && q == nil && !kept; {
	case reusable && l.place < 0:
		heap.Push(&z.expiring, l)
	case !reusable && l.place >= 0:
		heap.Remove(&z.expiring, l.place)
	}
}

func (z *zone) record(l Lease) {
	z.forget(l.Addr)
	if old, ok := z.byMAC[l.MAC]; ok && old != l.Addr {
		// Two records of one client can only come from a Journal written by hand:
		// the later lease counts.
		if z.leases[old].Expires.After(l.Expires) {
			return
		}
		z.forget(old)
	}
	z.leases[l.Addr] = &record{Lease: l, place: -1}
	z.byMAC[l.MAC] = l.Addr
	z.refresh(l.Addr)
}

func (z *zone) forget(a netip.Addr) {
	l := z.leases[a]
	if l == nil {
		return
	}
	if l.place >= 0 {
		heap.Remove(&z.expiring, l.place)
	}
	delete(z.leases, a)
	if z.byMAC[l.MAC] == a {
		delete(z.byMAC, l.MAC)
	}
	z.refresh(a)
}

func (z *zone) hold(o *offer) {
	z.offers[o.addr], z.offerTo[o.mac] = o, o.addr
	if len(z.offerQueue) > 2*len(z.offers)+64 {
		z.offerQueue = slices.DeleteFunc(z.offerQueue, func(o *offer) bool { return z.offers[o.addr] != o })
	}
	z.offerQueue = append(z.offerQueue, o)
	z.refresh(o.addr)
}

func (z *zone) dropOffer(o *offer) {
	delete(z.offers, o.addr)
	delete(z.offerTo, o.mac)
	z.refresh(o.addr)
}

// quarantine keeps a away from strangers. At most half of a pool is ever kept so:
// a device that claims every address must not starve the others.
func (z *zone) quarantine(a netip.Addr, m identity.MAC, now time.Time) {
	if !z.serves(a) {
		return
	}
	if z.quarantined[a] == nil && len(z.quarantined) >= max(1, z.size/2) {
		for len(z.quarantineQueue) > 0 {
			q := z.quarantineQueue[0]
			z.quarantineQueue = z.quarantineQueue[1:]
			if z.quarantined[q.addr] == q {
				z.release(q)
				break
			}
		}
	}
	if q := z.quarantined[a]; q != nil && q.until.Sub(now) > quarantineTime-time.Minute {
		q.mac = m // seen a moment ago: the queue need not grow with every packet
		return
	}
	q := &quarantined{a, m, now.Add(quarantineTime)}
	z.quarantined[a] = q
	z.quarantineQueue = append(z.quarantineQueue, q)
	z.refresh(a)
}

func (z *zone) release(q *quarantined) {
	delete(z.quarantined, q.addr)
	z.refresh(q.addr)
}
