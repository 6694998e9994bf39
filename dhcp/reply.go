package dhcp

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
)

var everybody = identity.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Reply decides what a message leads to. It changes nothing: State.Apply carries
// out what lives in memory, State.Commit what has been recorded.
func Reply(s *State, r Request, now time.Time) Decision {
	d := Decision{Zone: r.Zone}
	z := s.zones[r.Zone]
	switch {
	case z == nil:
		d.Reason = DropZone
	case r.Message.OpCode != dhcpv4.OpcodeBootRequest:
		d.Reason = DropNotRequest
	case addrFrom(r.Message.GatewayIPAddr).IsValid():
		d.Reason = DropRelay
	case r.mac.IsZero() || r.mac[0]&1 != 0: // a group address is no client's
		d.Reason = DropHardware
	default:
		switch r.kind {
		case dhcpv4.MessageTypeDiscover:
			s.discover(&d, z, r, now)
		case dhcpv4.MessageTypeRequest:
			s.request(&d, z, r, now)
		case dhcpv4.MessageTypeDecline:
			s.decline(&d, z, r, now)
		case dhcpv4.MessageTypeRelease:
			s.release(&d, z, r, now)
		case dhcpv4.MessageTypeInform:
			s.inform(&d, z, r, now)
		default:
			d.Reason = DropType
		}
	}
	return d
}

func (s *State) discover(d *Decision, z *zone, r Request, now time.Time) {
	addr, ok := z.choose(r.mac, r.requested, now)
	if !ok || z.crowded(r.mac, now) {
		d.Reason = DropPool
		return
	}
	o, l := z.offerOf(r.mac), z.leaseOf(r.mac)
	known := l != nil && l.Addr == addr || o != nil && o.addr == addr && o.verified
	d.Reason, d.Probe = Offered, !known
	d.Hold = &Hold{Addr: addr, MAC: r.mac}
	if d.Probe {
		return // what the OFFER says is decided when it may leave
	}
	m := z.reply(r, dhcpv4.MessageTypeOffer)
	m.Header.YourIPAddr = addr.AsSlice()
	z.configure(m, r, z.term(r), s.name(z, r, now))
	d.Reply, d.To = m, z.to(r, addr)
}

// request answers a REQUEST in each of the four states of RFC 2131 section 4.3.2.
func (s *State) request(d *Decision, z *zone, r Request, now time.Time) {
	asked := r.requested
	switch {
	case r.server.IsValid(): // SELECTING
		if r.server != z.Addr.Addr() {
			d.Reason, d.Withdraw, d.Elsewhere = DropElsewhere, r.mac, r.server
			return
		}
		if !asked.IsValid() {
			asked = r.ciaddr
		}
	case r.ciaddr.IsValid(): // RENEWING, REBINDING
		asked = r.ciaddr
	default: // INIT-REBOOT
	}
	switch {
	case !asked.IsValid():
		d.Reason = DropNoAddress
	case !z.net.Contains(asked):
		z.nak(d, r, NakOtherNetwork)
	case !z.serves(asked):
		z.nak(d, r, NakNotInPool)
	case !z.open(asked, r.mac, now):
		z.nak(d, r, NakTaken)
	case s.elsewhere(z, r, asked, now):
		z.nak(d, r, NakMoved)
	case z.crowded(r.mac, now):
		d.Reason = DropPool
	default:
		s.lease(d, z, r, asked, now)
	}
}

// elsewhere reports whether another address than the one asked for is this
// client's: its reservation, or what it has just been offered.
func (s *State) elsewhere(z *zone, r Request, asked netip.Addr, now time.Time) bool {
	if res, ok := z.reservation[r.mac]; ok && res.Addr != asked && z.open(res.Addr, r.mac, now) {
		return true
	}
	o := z.offerOf(r.mac)
	if o != nil && o.pending > 0 && o.addr != asked {
		return true // a lease of that address is being recorded
	}
	if l := z.leaseOf(r.mac); l != nil && l.Addr == asked {
		return false // what it holds it may keep, whatever it has been offered since
	} else if l != nil && l.Live(now) && !r.server.IsValid() {
		return true
	}
	return o != nil && o.addr != asked
}

// lease gives asked to the client.
func (s *State) lease(d *Decision, z *zone, r Request, asked netip.Addr, now time.Time) {
	term := z.term(r)
	l := Lease{
		Addr: asked, MAC: r.mac, Zone: z.Zone, ClientID: r.option(61), Vendor: vendor(r.option(60)),
		Hostname: s.name(z, r, now), Starts: now, Expires: now.Add(term),
	}
	old := z.leaseOf(r.mac)
	switch {
	case old != nil && old.Addr == asked && !old.pending && young(old.Lease, l, now):
		// A phone asks again each time it meets an access point. What it is told
		// is on record already, so the disk is left alone.
		d.Reason, term = Refreshed, old.Expires.Sub(now).Truncate(time.Second)
	default:
		if old != nil && old.Addr != asked && !z.passedOn(old.Addr, r.mac) {
			d.Commit = append(d.Commit, Lease{Addr: old.Addr, MAC: old.MAC, Zone: z.Zone})
		} else if old != nil && old.Addr == asked && old.Live(now) {
			l.Starts = old.Starts // a lease renewed goes on
		}
		d.Reason = Leased
		d.Hold = &Hold{Addr: asked, MAC: r.mac, Name: l.Hostname}
		d.Commit = append(d.Commit, l)
	}
	m := z.reply(r, dhcpv4.MessageTypeAck)
	m.Header.YourIPAddr = asked.AsSlice()
	if r.ciaddr.IsValid() && !r.server.IsValid() {
		m.Header.ClientIPAddr = r.ciaddr.AsSlice()
	}
	z.configure(m, r, term, l.Hostname)
	d.Reply, d.To = m, z.to(r, asked)
}

// young reports whether old says what l would, and has lost little of its time.
func young(old, l Lease, now time.Time) bool {
	term := l.Expires.Sub(now)
	left := old.Expires.Sub(now)
	return old.Hostname == l.Hostname && old.Vendor == l.Vendor && string(old.ClientID) == string(l.ClientID) &&
		left <= term && left >= term-term/16
}

// decline: the client found its address in use.
func (s *State) decline(d *Decision, z *zone, r Request, now time.Time) {
	a := r.requested
	l, o := z.leaseOf(r.mac), z.offerOf(r.mac)
	switch {
	case !a.IsValid():
		d.Reason = DropNoAddress
	case r.server.IsValid() && r.server != z.Addr.Addr():
		d.Reason = DropElsewhere
	case l != nil && l.Addr == a && !z.passedOn(a, r.mac) && string(l.ClientID) == string(r.option(61)):
		d.Reason, d.Quarantine = Declined, a
		d.Commit = []Lease{{Addr: a, MAC: r.mac, Zone: z.Zone}}
	case o != nil && o.addr == a && o.pending == 0:
		d.Reason, d.Withdraw, d.Quarantine = Declined, r.mac, a
	default:
		d.Reason = DropNotHeld
	}
}

// release: the client needs its address no longer. The record stays, run out, so
// that the client gets the same address when it comes back.
func (s *State) release(d *Decision, z *zone, r Request, now time.Time) {
	l := z.leaseOf(r.mac)
	switch {
	case !r.ciaddr.IsValid():
		d.Reason = DropNoAddress
	case r.server.IsValid() && r.server != z.Addr.Addr():
		d.Reason = DropElsewhere
	case l == nil || l.Addr != r.ciaddr || !l.Live(now) || z.passedOn(l.Addr, r.mac) || string(l.ClientID) != string(r.option(61)):
		d.Reason = DropNotHeld
	default:
		gone := l.Lease
		gone.Expires = now
		d.Reason, d.Commit = Released, []Lease{gone}
	}
}

// inform: the client has an address by other means and wants the rest.
func (s *State) inform(d *Decision, z *zone, r Request, now time.Time) {
	if !r.ciaddr.IsValid() || !z.net.Contains(r.ciaddr) || z.special(r.ciaddr) {
		d.Reason = DropNoAddress
		return
	}
	m := z.reply(r, dhcpv4.MessageTypeAck)
	m.Header.ClientIPAddr = r.ciaddr.AsSlice()
	z.configure(m, r, 0, "")
	d.Reason, d.Reply, d.To = Informed, m, Destination{Addr: r.ciaddr, From: z.Addr.Addr()}
}

// nak sends the client back to the beginning. It goes to everybody, because a
// client that has to be told so may hear nothing else (RFC 2131 section 4.1).
func (z *zone) nak(d *Decision, r Request, why Reason) {
	m := z.reply(r, dhcpv4.MessageTypeNak)
	m.add(56, []byte(strings.TrimPrefix(string(why), "nak: ")))
	d.Reason, d.Reply, d.To = why, m, z.everybody()
}

// to is where an OFFER or ACK goes (RFC 2131 section 4.1).
func (z *zone) to(r Request, addr netip.Addr) Destination {
	switch {
	case r.ciaddr.IsValid() && r.ciaddr == addr:
		return Destination{Addr: addr, From: z.Addr.Addr()}
	case r.Message.IsBroadcast():
		return z.everybody()
	default:
		return Destination{MAC: r.mac, Addr: addr, From: z.Addr.Addr()}
	}
}

func (z *zone) everybody() Destination {
	return Destination{MAC: everybody, Addr: netip.AddrFrom4([4]byte{255, 255, 255, 255}), From: z.Addr.Addr()}
}

// leastTerm is the shortest lease a client can wish for.
const leastTerm = time.Minute

// term is how long the lease lasts: the zone's time, less for a stranger, or less
// if the client wants less.
func (z *zone) term(r Request) time.Duration {
	longest := z.length(r.mac)
	if b := r.option(51); len(b) == 4 {
		if wish := time.Duration(binary.BigEndian.Uint32(b)) * time.Second; wish < longest {
			return max(wish, min(leastTerm, longest))
		}
	}
	return longest
}

// vendor is the printable part of the vendor class, for the technician's page.
func vendor(b []byte) string {
	const longest = 64
	var s strings.Builder
	for _, c := range b {
		if c >= ' ' && c < 0x7f && s.Len() < longest {
			s.WriteByte(c)
		}
	}
	return s.String()
}
