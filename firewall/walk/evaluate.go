package walk

import (
	"fmt"
	"net/netip"
	"sort"

	"stairgate/config/identity"
	"stairgate/firewall"
)

// Packet is what the rules can see of one.
type Packet struct {
	In, Out string       // interfaces; Out is empty before routing, In where the box itself sends
	MAC     identity.MAC // Ethernet source
	Src     netip.Addr
	Dst     netip.Addr
	Proto   firewall.Proto
	SrcPort uint16 // the identifier, where it is an ICMP echo
	DstPort uint16 // "
	Type    uint8  // ICMP only

	// About is the flow an ICMP error speaks of, as its sender saw it.
	About *Tuple
	// Broken packets belong to no flow: connection tracking calls them invalid.
	Broken bool
}

// Echo and its answer, and one error.
const (
	EchoReply   = 0
	Unreachable = 3
	EchoRequest = 8
)

// Facts is what connection tracking knows of a packet.
type Facts struct {
	State     firewall.CTState
	Confirmed bool
}

// Evaluate walks p through the base chain at hook and returns the verdict with
// the rule that gave it; the rule is empty where the policy decided.
func Evaluate(rs firewall.Ruleset, hook firewall.Hook, p Packet, f Facts) (firewall.Verdict, firewall.Rule) {
	for _, c := range rs.Chains {
		if c.Hook != hook {
			continue
		}
		policy := firewall.Verdict{Kind: c.Policy()}
		// A goto never comes back, so a chain that ends undecided ends in the
		// policy of the base chain. Every goto is one step; more steps than
		// chains is a circle.
		for range rs.Chains {
			r, ok := first(rs, c, p, f)
			if !ok {
				return policy, firewall.Rule{}
			}
			if r.Verdict.Kind != firewall.Goto {
				return r.Verdict, r
			}
			next, ok := rs.Chain(r.Verdict.Chain)
			if !ok {
				panic(fmt.Sprintf("walk: goto %s leads nowhere", r.Verdict.Chain))
			}
			c = next
		}
		panic(fmt.Sprintf("walk: chain %s goes round in a circle", c.Name))
	}
	return firewall.Verdict{Kind: firewall.Accept}, firewall.Rule{}
}

// first is the first rule of a chain that p matches and that decides something.
func first(rs firewall.Ruleset, c firewall.Chain, p Packet, f Facts) (firewall.Rule, bool) {
rules:
	for _, r := range c.Rules {
		for _, m := range r.Match {
			if !matches(rs, m, p, f) {
				continue rules
			}
		}
		if r.Verdict.Kind == firewall.Reset && p.Proto != firewall.TCP {
			continue // the kernel resets TCP only
		}
		return r, true
	}
	return firewall.Rule{}, false
}

func matches(rs firewall.Ruleset, m firewall.Match, p Packet, f Facts) bool {
	v4 := p.Src.Is4()
	member := func(set string, k firewall.Key) bool {
		s, ok := rs.Find(set)
		if !ok {
			panic(fmt.Sprintf("walk: there is no set %s", set))
		}
		if s.Interval {
			// Ranges stand in order and do not touch.
			i := sort.Search(len(s.Elements), func(i int) bool { return s.Elements[i].Key[len(k):] >= k })
			return i < len(s.Elements) && s.Elements[i].Key[:len(k)] <= k
		}
		for _, e := range s.Elements {
			if e.Key == k {
				return true
			}
		}
		return false
	}
	switch m := m.(type) {
	case firewall.In:
		return (p.In == m.Interface) != m.Not
	case firewall.Out:
		return (p.Out == m.Interface) != m.Not
	case firewall.InSet:
		return member(m.Set, firewall.NameKey(p.In))
	case firewall.OutSet:
		return member(m.Set, firewall.NameKey(p.Out))
	case firewall.IPv6:
		return !v4
	case firewall.State:
		return f.State&m.Any != 0
	case firewall.Confirmed:
		return f.Confirmed
	case firewall.Protocol:
		return p.Proto == m.Proto
	case firewall.FromPort:
		return p.Proto == m.Proto && p.SrcPort == m.Port
	case firewall.ToPort:
		return p.Proto == m.Proto && p.DstPort == m.Port
	case firewall.ToPortIn:
		return member(m.Set, firewall.ProtoPortKey(p.Proto, p.DstPort))
	case firewall.Source:
		return v4 && m.Prefix.Contains(p.Src) != m.Not
	case firewall.Destination:
		return v4 && m.Prefix.Contains(p.Dst) != m.Not
	case firewall.SourceIn:
		return v4 && member(m.Set, firewall.AddrKey(p.Src))
	case firewall.DestinationIn:
		return v4 && member(m.Set, firewall.AddrKey(p.Dst))
	case firewall.Pair:
		// A packet of the box's own has no Ethernet source yet.
		return v4 && p.In != "" && p.In != "lo" && member(m.Set, firewall.PairKey(p.MAC, p.Src)) != m.Not
	case firewall.Server:
		return v4 && p.Proto == m.Proto && member(m.Set, firewall.AddrPortKey(netip.AddrPortFrom(p.Dst, p.DstPort)))
	case firewall.Echo:
		return v4 && p.Proto == firewall.ICMP && p.Type == EchoRequest
	case firewall.Limit:
		return true // a single packet is within any limit
	default:
		panic(fmt.Sprintf("walk: no meaning for %T", m))
	}
}
