package dhcp

import (
	"context"
	"net/netip"
	"time"
)

const (
	// probeWait is how long a device has to say that an address is its own. On a
	// wired network it answers in a millisecond, a phone asleep on Wi-Fi within two
	// beacons.
	probeWait = 250 * time.Millisecond
	// mostConflicts is how many addresses are tried for one DISCOVER; the client
	// sends another.
	mostConflicts = 4
	// mostProbes bounds the probes under way.
	mostProbes = 1 << 13
)

// place is an address in a zone.
type place struct {
	zone string
	addr netip.Addr
}

// probe is a DISCOVER that waits for silence on the wire. Nothing else waits with
// it.
type probe struct {
	link  *link
	at    place
	r     Request
	tries int
	due   time.Time
	over  bool // somebody answered
}

// probe asks who uses the address that is to be offered; mu is held. Only
// addresses this client never had are asked about, and those that somebody was
// heard using lately are not offered in the first place.
func (s *Server) probe(l *link, r Request, d Decision, tries int, now time.Time) {
	at := place{d.Zone, d.Hold.Addr}
	if p := s.probes[at]; p != nil {
		if p.r.mac == r.mac {
			p.r = r // the client repeats itself: answer what it said last
			return
		}
		p.over = true
	}
	p := &probe{link: l, at: at, r: r, tries: tries, due: now.Add(probeWait)}
	s.probes[at] = p
	s.silence = append(s.silence, p)
	if len(s.silence) == 1 {
		signal(s.probing)
	}
	if err := l.arp.Send(arpProbe(at.addr), Destination{MAC: everybody, Addr: at.addr}); err != nil {
		s.o.Log.Debug("dhcp: probe not sent", "zone", l.zone, "addr", at.addr, "error", err)
	}
}

// hush lets the offers go for which nobody has answered in time. All wait equally
// long, so the queue is in order and one timer does.
func (s *Server) hush(ctx context.Context) {
	for {
		s.mu.Lock()
		now := s.o.Now()
		for len(s.silence) > 0 && !s.silence[0].due.After(now) {
			p := s.silence[0]
			s.silence = s.silence[1:]
			if p.over {
				continue
			}
			delete(s.probes, p.at)
			s.state.Verified(p.at.zone, p.at.addr)
			s.survive(func() { s.answer(p.link, p.r, p.tries, now) })
		}
		var timer <-chan time.Time
		if len(s.silence) > 0 {
			// By the same clock reading the head is not due yet. The clock may have
			// been set back, so it is never waited for longer than a probe takes.
			timer = time.After(min(s.silence[0].due.Sub(now), probeWait))
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-s.probing:
		case <-timer:
		}
	}
}

// neighbour handles one ARP packet: an answer to a probe, or a device talking
// about its own address.
func (s *Server) neighbour(l *link, b []byte, now time.Time) {
	a, ok := parseARP(b)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := a.sender
	if !addr.IsValid() {
		// RFC 5227 section 2.1.1: somebody else probes for the address we are about
		// to offer. It will use it, so we must not.
		addr = a.target
		if p := s.probes[place{l.zone, addr}]; p == nil || p.r.mac == a.mac {
			return
		}
	}
	at := place{l.zone, addr}
	p := s.probes[at]
	// A stranger that answers for an address which was about to go to somebody known
	// is there, and keeps it.
	conflict := s.state.Answered(l.zone, addr, a.mac, now)
	if !conflict {
		conflict = s.state.Saw(l.zone, addr, a.mac, now)
	}
	if !conflict || p == nil {
		return
	}
	p.over = true
	delete(s.probes, at)
	s.answer(p.link, p.r, p.tries+1, now)
}
