package firewall

import (
	"fmt"
	"net/netip"
	"strings"
)

// Match is one condition on a packet. The kinds below are all there are: each
// has its nft line (String), its expressions (render.go) and its meaning
// (firewall/walk).
type Match interface {
	fmt.Stringer
	match()
}

type (
	// In matches the interface a packet came in by: by its number where that is
	// known, else by its name.
	In struct {
		Interface string
		Index     int
		Not       bool
	}
	// Out matches the interface a packet will leave by.
	Out struct {
		Interface string
		Index     int
		Not       bool
	}
	// InSet matches when the incoming interface is in a set of names.
	InSet struct{ Set string }
	// OutSet matches when the outgoing interface is in a set of names.
	OutSet struct{ Set string }
	// IPv6 matches every packet of that family.
	IPv6 struct{}
	// State matches what connection tracking says of a packet.
	State struct{ Any CTState }
	// Confirmed matches packets of flows whose first packet has already been
	// let through by all chains.
	Confirmed struct{}
	// Protocol matches the transport protocol.
	Protocol struct{ Proto Proto }
	// FromPort matches the source port of a TCP or UDP packet.
	FromPort struct {
		Proto Proto
		Port  uint16
	}
	// ToPort matches the destination port of a TCP or UDP packet.
	ToPort struct {
		Proto Proto
		Port  uint16
	}
	// ToPortIn matches when protocol . destination port is in a set.
	ToPortIn struct{ Set string }
	// Source matches the IPv4 source address.
	Source struct {
		Prefix netip.Prefix
		Not    bool
	}
	// Destination matches the IPv4 destination address.
	Destination struct {
		Prefix netip.Prefix
		Not    bool
	}
	// SourceIn matches when the IPv4 source address is in a set.
	SourceIn struct{ Set string }
	// DestinationIn matches when the IPv4 destination address is in a set.
	DestinationIn struct{ Set string }
	// Pair matches when hardware source . IPv4 source is in a set.
	Pair struct {
		Set string
		Not bool
	}
	// Server matches when IPv4 destination . destination port is in a set.
	Server struct {
		Proto Proto
		Set   string
	}
	// Echo matches an ICMP echo request.
	Echo struct{}
	// Limit matches as long as the rate is not exceeded.
	Limit struct {
		Rate  uint64 // packets a second
		Burst uint32
	}
)

// CTState is a set of connection tracking states.
type CTState uint32

// The states, with the kernel's numbers.
const (
	Invalid     CTState = 1
	Established CTState = 2
	Related     CTState = 4
	New         CTState = 8
)

// String lists the states as nft does.
func (s CTState) String() string {
	var names []string
	for _, n := range []struct {
		bit  CTState
		name string
	}{{Invalid, "invalid"}, {Established, "established"}, {Related, "related"}, {New, "new"}} {
		if s&n.bit != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}

func (In) match()            {}
func (Out) match()           {}
func (InSet) match()         {}
func (OutSet) match()        {}
func (IPv6) match()          {}
func (State) match()         {}
func (Confirmed) match()     {}
func (Protocol) match()      {}
func (FromPort) match()      {}
func (ToPort) match()        {}
func (ToPortIn) match()      {}
func (Source) match()        {}
func (Destination) match()   {}
func (SourceIn) match()      {}
func (DestinationIn) match() {}
func (Pair) match()          {}
func (Server) match()        {}
func (Echo) match()          {}
func (Limit) match()         {}

func not(n bool) string {
	if n {
		return "!= "
	}
	return ""
}

// named turns "iif", the number, into "iifname". nft prints either with the name.
func named(index int) string {
	if index == 0 {
		return "name"
	}
	return ""
}

// address prints a prefix as nft does: a host without its length.
func address(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.Masked().String()
}

func (m In) String() string {
	return fmt.Sprintf("iif%s %s%q", named(m.Index), not(m.Not), m.Interface)
}

func (m Out) String() string {
	return fmt.Sprintf("oif%s %s%q", named(m.Index), not(m.Not), m.Interface)
}
func (m InSet) String() string         { return "iifname @" + m.Set }
func (m OutSet) String() string        { return "oifname @" + m.Set }
func (IPv6) String() string            { return "meta nfproto ipv6" }
func (m State) String() string         { return "ct state " + m.Any.String() }
func (Confirmed) String() string       { return "ct status confirmed" }
func (m Protocol) String() string      { return "meta l4proto " + m.Proto.String() }
func (m FromPort) String() string      { return fmt.Sprintf("%s sport %d", m.Proto, m.Port) }
func (m ToPort) String() string        { return fmt.Sprintf("%s dport %d", m.Proto, m.Port) }
func (m ToPortIn) String() string      { return "meta l4proto . th dport @" + m.Set }
func (m Source) String() string        { return "ip saddr " + not(m.Not) + address(m.Prefix) }
func (m Destination) String() string   { return "ip daddr " + not(m.Not) + address(m.Prefix) }
func (m SourceIn) String() string      { return "ip saddr @" + m.Set }
func (m DestinationIn) String() string { return "ip daddr @" + m.Set }
func (m Pair) String() string          { return "ether saddr . ip saddr " + not(m.Not) + "@" + m.Set }

func (m Server) String() string { return fmt.Sprintf("ip daddr . %s dport @%s", m.Proto, m.Set) }
func (Echo) String() string     { return "icmp type echo-request" }
func (m Limit) String() string {
	return fmt.Sprintf("limit rate %d/second burst %d packets", m.Rate, m.Burst)
}
