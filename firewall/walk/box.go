package walk

import (
	"net/netip"

	"stairgate/config"
	"stairgate/firewall"
)

// Tuple names one direction of a flow.
type Tuple struct {
	Proto    firewall.Proto
	Src, Dst netip.AddrPort
}

func (t Tuple) reversed() Tuple { return Tuple{t.Proto, t.Dst, t.Src} }

// tuple is the direction in which p travels.
func (p Packet) tuple() Tuple {
	return Tuple{p.Proto, netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort)}
}

// flow is an entry of connection tracking.
type flow struct {
	orig     Tuple // as the first packet came in
	sent     Tuple // as it went out, after translation
	answered bool
}

// Outcome is what became of a packet.
type Outcome struct {
	Verdict firewall.VerdictKind // Accept, Drop, Reset or Prohibited
	To      string               // accepted: the interface it left by, or Here
	Packet  Packet               // as it arrived there, after translation
	Rule    firewall.Rule        // that decided; empty: the policy
}

// Here is where a packet for the box itself ends.
const Here = "the box"

// Box is a box with its rules and its flows.
type Box struct {
	cfg   config.Config
	rules firewall.Ruleset
	wan   netip.Addr
	flows map[Tuple]*flow // by both directions, as each comes in
}

// New is a box that has seen no packet. wan is its address outside.
func New(cfg config.Config, rs firewall.Ruleset, wan netip.Addr) *Box {
	return &Box{cfg: cfg, rules: rs, wan: wan, flows: make(map[Tuple]*flow)}
}

// Load replaces the rules; the flows stay.
func (b *Box) Load(rs firewall.Ruleset) { b.rules = rs }

// Receive is a packet that comes in by p.In.
func (b *Box) Receive(p Packet) Outcome {
	fl, facts, p := b.track(p)
	fresh := fl != nil && !facts.Confirmed
	if fresh {
		if v, _ := Evaluate(b.rules, firewall.Prerouting, p, facts); v.Kind == firewall.Redirect {
			to, ok := b.address(p.In)
			if !ok || !p.Src.Is4() {
				return Outcome{Verdict: firewall.Drop, Packet: p}
			}
			p.Dst, p.DstPort = to, v.Port
		}
	}
	hook, out := b.route(p)
	p.Out = out
	if hook == firewall.Input {
		p.Out = ""
	}
	v, rule := Evaluate(b.rules, hook, p, facts)
	o := Outcome{Verdict: v.Kind, Packet: p, Rule: rule}
	if v.Kind != firewall.Accept {
		return o
	}
	o.To = Here
	if hook == firewall.Forward {
		o.To, o.Packet = out, b.leave(p, fl, facts)
	}
	if fresh {
		fl.sent = o.Packet.tuple()
		b.confirm(fl)
	}
	return o
}

// Send is a packet of the box's own.
func (b *Box) Send(p Packet) Outcome {
	fl, facts, p := b.track(p)
	_, p.Out = b.route(p)
	v, rule := Evaluate(b.rules, firewall.Output, p, facts)
	o := Outcome{Verdict: v.Kind, Packet: p, Rule: rule}
	if v.Kind == firewall.Accept {
		o.To = p.Out
		if fl != nil && !facts.Confirmed {
			fl.sent = p.tuple()
			b.confirm(fl)
		}
	}
	return o
}

// track finds the flow of a packet and undoes its translation.
func (b *Box) track(p Packet) (*flow, Facts, Packet) {
	switch {
	case p.Broken:
		return nil, Facts{State: firewall.Invalid}, p
	case p.About != nil:
		fl := b.flows[p.About.reversed()]
		if fl == nil {
			return nil, Facts{State: firewall.Invalid}, p
		}
		if *p.About == fl.sent { // speaks to the flow's beginner
			p.Dst = fl.orig.Src.Addr()
		}
		return fl, Facts{State: firewall.Related, Confirmed: true}, p
	}
	t := p.tuple()
	fl := b.flows[t]
	switch {
	case fl == nil:
		return &flow{orig: t}, Facts{State: firewall.New}, p
	case t == fl.orig:
		p.Src, p.Dst, p.DstPort = fl.orig.Src.Addr(), fl.sent.Dst.Addr(), fl.sent.Dst.Port()
	default:
		fl.answered = true
		back := fl.orig.reversed()
		p.Dst, p.DstPort = back.Dst.Addr(), back.Dst.Port()
	}
	f := Facts{State: firewall.New, Confirmed: true}
	if fl.answered {
		f.State = firewall.Established
	}
	return fl, f, p
}

func (b *Box) confirm(fl *flow) {
	b.flows[fl.orig] = fl
	b.flows[fl.sent.reversed()] = fl
}

// leave translates the source of what goes out.
func (b *Box) leave(p Packet, fl *flow, f Facts) Packet {
	if fl == nil {
		return p
	}
	if f.Confirmed {
		if p.tuple().Src == fl.orig.Src {
			p.Src = fl.sent.Src.Addr()
		}
		return p
	}
	if v, _ := Evaluate(b.rules, firewall.Postrouting, p, f); v.Kind == firewall.Masquerade {
		p.Src = b.wan
	}
	return p
}

// route says whether a packet is for the box, and else by which interface it
// leaves.
func (b *Box) route(p Packet) (firewall.Hook, string) {
	if p.Dst == b.wan || p.Dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || p.Dst.IsMulticast() || p.Dst.Is6() && p.Dst.IsLinkLocalUnicast() {
		return firewall.Input, b.cfg.WAN.Port
	}
	for _, z := range b.cfg.Zones {
		if !z.Address.Contains(p.Dst) {
			continue
		}
		if p.Dst == z.Address.Addr() || p.Dst == broadcast(z.Address) {
			return firewall.Input, z.Bridge()
		}
		return firewall.Forward, z.Bridge()
	}
	return firewall.Forward, b.cfg.WAN.Port
}

// address is the box's own on an interface.
func (b *Box) address(name string) (netip.Addr, bool) {
	for _, z := range b.cfg.Zones {
		if z.Bridge() == name {
			return z.Address.Addr(), true
		}
	}
	return netip.Addr{}, false
}

func broadcast(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(a)
}
