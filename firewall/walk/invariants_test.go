package walk_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"testing"

	"stairgate/firewall"
	"stairgate/firewall/golden"
	"stairgate/firewall/walk"
)

// TestInvariantsOverEveryGolden proves on every golden case, with every probe,
// what must hold for any configuration.
func TestInvariantsOverEveryGolden(t *testing.T) {
	all, err := golden.Load("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			s := school{c.Config, c.Snapshot, c.Env}
			prove(t, s, s.parts().all)
		})
	}
}

// TestInvariantsOverManySchools proves the same on two thousand made-up
// configurations with made-up people, always the same ones.
func TestInvariantsOverManySchools(t *testing.T) {
	const schools, packets = 2000, 250
	for seed := range uint64(schools) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := invent(r)
		prove(t, s, s.parts().some(r, packets))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzInvariants(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, seed*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := rand.New(rand.NewPCG(a, b))
		s := invent(r)
		prove(t, s, s.parts().some(r, 300))
	})
}

// prove sends each probe to a box that has seen nothing yet, and then judges it
// again under every state connection tracking could claim for it.
func prove(t *testing.T, s school, probes iter.Seq[walk.Packet]) {
	t.Helper()
	rs := s.rules()
	for p := range probes {
		o := walk.New(s.cfg, rs, wanAddr).Receive(p)
		for _, broken := range s.broken(p, o) {
			t.Errorf("%s\n  packet  %+v\n  outcome %s → %s, by %q", broken, p, o.Verdict, o.To, o.Rule)
		}
		for _, broken := range s.brokenInAnyState(rs, p) {
			t.Errorf("%s\n  packet  %+v", broken, p)
		}
		if t.Failed() {
			return // one packet is enough to look at
		}
	}
	for _, broken := range s.brokenBySending(rs) {
		t.Error(broken)
	}
}

// broken lists the promises that the first packet of a flow broke.
func (s school) broken(p walk.Packet, o walk.Outcome) (out []string) {
	must := func(ok bool, promise string) {
		if !ok {
			out = append(out, promise)
		}
	}
	z, inside := s.zone(p.In)
	passed := o.Verdict == firewall.Accept
	honest := inside && p.Src.Is4() && z.Address.Contains(p.Src) && p.Src != z.Address.Addr() && !s.borrows(p) && !p.Broken
	_, toZone := s.zone(o.To)
	away := p.Dst == internet
	public := p.Dst == resolver
	refused := p.Proto == firewall.IPv6InIP4 || p.Proto == firewall.TCP && in(p.DstPort, 453, 853, 5053) ||
		p.Proto == firewall.UDP && in(p.DstPort, 784, 853, 3544, 8853)

	must(!passed || p.Src.Is4(), "No IPv6 packet passes or is taken in.")
	must(inside || !passed, "From outside, and from a port of no zone, nothing new gets in or through.")
	must(!passed || !toZone, "No zone reaches another, nor a neighbour through the box.")
	must(!passed || !p.Broken, "A packet of no flow passes nowhere.")

	if passed && o.To == s.cfg.WAN.Port {
		must(s.member(p), "Only a member's own pair, in its own zone, reaches the outside.")
		must(o.Packet.Src == wanAddr, "What leaves has the address of the box.")
		must(!(in(p.DstPort, 53) && (p.Proto == firewall.TCP || p.Proto == firewall.UDP)), "DNS is asked of nobody but us.")
		must(!refused, "Encrypted DNS and tunnels are refused for everybody.")
		must(!public || p.Proto != firewall.TCP && p.Proto != firewall.UDP || s.bypasses(p), "A public resolver is reached by those only to whom ways round the filter are open.")
	}
	if passed && o.To == walk.Here {
		q := o.Packet
		dhcp := p.Proto == firewall.UDP && p.SrcPort == 68 && p.DstPort == 67
		ours := q.Dst == z.Address.Addr() && z.Address.Contains(p.Src)
		service := q.Proto == firewall.UDP && q.DstPort == 53 ||
			q.Proto == firewall.TCP && in(q.DstPort, 53, 80) ||
			q.Proto == firewall.TCP && q.DstPort == 443 && s.cfg.Portal.TLS != nil ||
			q.Proto == firewall.TCP && q.DstPort == 8443 && s.admin(p) ||
			q.Proto == firewall.ICMP && q.Type == walk.EchoRequest
		must(dhcp || ours && service, "The box answers DHCP, DNS, the portal, ping, and the admin pages to those who may; at its address in that zone.")
		must(dhcp || !s.borrows(p), "Nobody is answered under the address of somebody who is online.")
	}

	// What must work.
	if !honest {
		return out
	}
	dns := p.DstPort == 53 && (p.Proto == firewall.TCP || p.Proto == firewall.UDP)
	switch {
	case dns && (away || public || p.Dst == z.Address.Addr()):
		must(passed && o.To == walk.Here && o.Packet.Dst == z.Address.Addr() && o.Packet.DstPort == 53, "DNS to anywhere is answered by us.")
	case p.Dst == z.Address.Addr() && p.Proto == firewall.TCP && p.DstPort == 80:
		must(passed && o.To == walk.Here, "The portal is open to everybody.")
	case p.Dst == z.Address.Addr() && p.Proto == firewall.TCP && p.DstPort == 443 && s.cfg.Portal.TLS == nil:
		must(o.Verdict == firewall.Reset, "HTTPS to the block page's address is reset.")
	case p.Dst == z.Address.Addr() && p.Proto == firewall.TCP && p.DstPort == 8443:
		must(passed == s.admin(p), "The admin pages are open to those who may and to nobody else.")
	case away && refused && p.Proto == firewall.TCP:
		must(o.Verdict == firewall.Reset, "A TCP port of encrypted DNS is reset.")
	case away && refused:
		must(o.Verdict == firewall.Prohibited, "A UDP port of encrypted DNS is refused at once.")
	case public && p.Proto == firewall.TCP && s.member(p) && !s.bypasses(p):
		must(o.Verdict == firewall.Reset, "A public resolver's TCP is reset at once, on every port.")
	case public && p.Proto == firewall.UDP && s.member(p) && !s.bypasses(p):
		must(o.Verdict == firewall.Prohibited, "A public resolver's UDP is refused at once, on every port.")
	case (away || public && !refused) && s.member(p):
		must(passed && o.To == s.cfg.WAN.Port, "A member reaches the outside.")
	case away && p.Proto == firewall.TCP && p.DstPort == 80:
		must(passed && o.To == walk.Here && o.Packet.Dst == z.Address.Addr(), "A stranger's HTTP gets the portal.")
	case away && p.Proto == firewall.TCP:
		must(o.Verdict == firewall.Reset, "A stranger's TCP is reset.")
	case away:
		must(o.Verdict == firewall.Prohibited, "All else of a stranger is refused at once.")
	}
	return out
}

// brokenInAnyState judges the forward chain alone, whatever connection tracking
// may believe: even if it were mistaken, these hold. In a flow that is open
// already the pair alone must be a member's; the zone was settled by its first
// packet.
func (s school) brokenInAnyState(rs firewall.Ruleset, p walk.Packet) (out []string) {
	wan := s.cfg.WAN.Port
	outs := []string{wan, unknownPort}
	for _, z := range s.cfg.Zones {
		outs = append(outs, z.Bridge())
	}
	for _, p.Out = range outs {
		for _, state := range []firewall.CTState{firewall.Invalid, firewall.New, firewall.Established, firewall.Related} {
			for _, confirmed := range []bool{false, true} {
				f := walk.Facts{State: state, Confirmed: confirmed}
				v, rule := walk.Evaluate(rs, firewall.Forward, p, f)
				if v.Kind != firewall.Accept {
					continue
				}
				_, fromZone := s.zone(p.In)
				switch {
				case !p.Src.Is4():
					out = append(out, "An IPv6 packet is forwarded.")
				case fromZone && (p.Out != wan || !s.pair(p) || !confirmed && !s.member(p)):
					out = append(out, fmt.Sprintf("Out to %s, %s, confirmed %v, by %q: not from a member to the outside.", p.Out, state, confirmed, rule))
				case p.In == wan && (state == firewall.New || state == firewall.Invalid || !s.holder(p.Dst)):
					out = append(out, fmt.Sprintf("In, %s, by %q: only the way back, only to members.", state, rule))
				case !fromZone && p.In != wan && (p.Out != wan || !s.pair(p) || !confirmed):
					out = append(out, "A port of no zone forwards.")
				}
			}
		}
	}
	return out
}

// brokenBySending judges what the box itself sends: to the inside only DHCP and
// answers, to the outside only what it needs.
func (s school) brokenBySending(rs firewall.Ruleset) (out []string) {
	ours := func(p walk.Packet) bool {
		for _, u := range s.cfg.DNS.Upstreams {
			if u.Addr() == p.Dst && p.Dst.Is4() && u.Port() == p.DstPort {
				return true
			}
		}
		return false
	}
	dsts := append(s.targets(), internet, global6)
	for _, kind := range kinds {
		for _, dst := range dsts {
			p := kind.Packet
			p.Src, p.Dst = wanAddr, dst
			if dst.Is6() {
				p.Src = local6
			}
			o := walk.New(s.cfg, rs, wanAddr).Send(p)
			if o.Verdict != firewall.Accept {
				if ours(p) && (p.Proto == firewall.UDP || p.Proto == firewall.TCP) && !p.Broken && o.Packet.Out == s.cfg.WAN.Port {
					out = append(out, fmt.Sprintf("The box cannot ask its resolver: %+v", p))
				}
				continue
			}
			outward := o.To == s.cfg.WAN.Port && p.Src.Is4() && (ours(p) ||
				p.Proto == firewall.UDP && (p.DstPort == 123 || p.SrcPort == 68 && p.DstPort == 67) ||
				p.Proto == firewall.TCP && p.DstPort == 443 ||
				p.Proto == firewall.ICMP && p.Type == walk.EchoRequest)
			if !outward {
				out = append(out, fmt.Sprintf("The box sends what it need not, by %q: %+v", o.Rule, p))
			}
		}
	}
	return out
}

func (s school) targets() (out []netip.Addr) {
	for _, u := range s.cfg.DNS.Upstreams {
		out = append(out, u.Addr())
	}
	for _, c := range s.clients() {
		out = append(out, c.Addr)
	}
	return out
}

func in(port uint16, ports ...uint16) bool {
	for _, p := range ports {
		if p == port {
			return true
		}
	}
	return false
}
