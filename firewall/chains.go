package firewall

import (
	"net/netip"

	"stairgate/config"
)

// input decides what may talk to the box itself.
func input(cfg config.Config) Chain {
	c := Chain{Name: "input", Hook: Input, Rules: []Rule{
		// The box's own programs talk to each other; the kernel takes nothing in
		// by another interface that claims to come from 127.0.0.0/8.
		{Match: []Match{In{Interface: "lo"}}, Verdict: accept},
		// The zones have no IPv6 and the box asks for none: no packet of that
		// family is ever for us, from any side.
		{Match: []Match{IPv6{}}, Verdict: drop},
		{Match: []Match{State{Invalid}}, Verdict: drop},
		// From outside come answers to what the box itself asked, and nothing
		// else. (Our DHCP client reads raw frames, before these rules.)
		{Match: []Match{In{Interface: cfg.WAN.Port}, State{Established | Related}}, Verdict: accept, Comment: "answers to the box"},
	}}
	for _, z := range cfg.Zones {
		c.Rules = append(c.Rules, Rule{Match: []Match{In{Interface: z.Bridge()}}, Verdict: Verdict{Kind: Goto, Chain: zoneChain(z)}})
	}
	return c
}

func zoneChain(z config.Zone) string { return "from_" + z.ID }

// fromZone decides what a device of one zone may ask of the box.
//
// DNS and the portal are open to the whole subnet and not only to leased pairs.
// A device that has just been given its lease must be served at once, without
// waiting for an element to reach the kernel; one with a made-up address gets
// the narrow DNS of a stranger and a page that says what is wrong. Neither opens
// a way to anywhere.
func fromZone(cfg config.Config, z config.Zone) Chain {
	box := netip.PrefixFrom(z.Address.Addr(), 32)
	c := Chain{Name: zoneChain(z), Rules: []Rule{
		// Before the check of the source: a client without a lease sends from
		// 0.0.0.0, and one that moved here from the next zone sends from its old
		// address and has to hear NAK.
		{Match: []Match{FromPort{UDP, 68}, ToPort{UDP, 67}}, Verdict: accept, Comment: "DHCP"},
		{Match: []Match{Source{z.Address.Masked(), true}}, Verdict: drop, Comment: "source is not of this zone"},
		// Every other address of the box (other zones, outside) and broadcasts:
		// Linux would answer them on any interface.
		{Match: []Match{Destination{box, true}}, Verdict: drop, Comment: "not our address in this zone"},
		// Who takes the address of somebody online would be answered, logged and
		// signed out in that person's name.
		{Match: []Match{SourceIn{SetReturning}, Pair{SetAdmitted, true}}, Verdict: drop, Comment: "borrowed address"},
		{Match: []Match{Echo{}, Limit{20, 40}}, Verdict: accept},
		{Match: []Match{Protocol{ICMP}}, Verdict: drop},
		{Match: []Match{ToPort{UDP, PortDNS}}, Verdict: accept},
		{Match: []Match{ToPort{TCP, PortDNS}}, Verdict: accept},
		{Match: []Match{ToPort{TCP, PortPortal}}, Verdict: accept, Comment: "portal and block page"},
	}}
	if cfg.Portal.TLS != nil {
		c.Rules = append(c.Rules, Rule{Match: []Match{ToPort{TCP, PortTLS}}, Verdict: accept, Comment: "portal with a public certificate"})
	}
	if z.Kind == config.ZoneSchool {
		c.Rules = append(c.Rules,
			Rule{Match: []Match{ToPort{TCP, PortAdmin}, Pair{Set: SetAdmin}}, Verdict: accept, Comment: "admin pages"},
			Rule{Match: []Match{ToPort{TCP, PortAdmin}, DestinationIn{SetAdminOpen}}, Verdict: accept, Comment: "admin pages at set-up and in the rescue window"},
		)
	}
	// Above all TCP 443: names that are blocked resolve to the box, and a browser
	// must fail at once instead of showing a certificate warning.
	c.Rules = append(c.Rules, Rule{Verdict: Verdict{Kind: Goto, Chain: chainRefuse}})
	return c
}

// forward decides what passes between inside and outside. Its first two rules are
// the path of nearly every packet there is: each expression in them costs every
// packet about a quarter of a per cent of its speed, so they ask only what the
// first packet of a flow has not settled for good. How many zones there are makes
// no difference to them.
func forward(cfg config.Config, env Env) Chain {
	in, out := In{Interface: cfg.WAN.Port, Index: env.WANIndex}, Out{Interface: cfg.WAN.Port, Index: env.WANIndex}
	c := Chain{Name: "forward", Hook: Forward, Rules: []Rule{
		// First, so that what follows never sees a packet from outside, whatever
		// sender it claims.
		{Match: []Match{in}, Verdict: Verdict{Kind: Goto, Chain: chainInbound}},
		// Membership is asked of every packet, so whoever is taken out of the set
		// falls silent with all their flows. "Confirmed" means that the first
		// packet of the flow has been through chain outbound: ports, zone and IP
		// version are settled. A packet that belongs to no flow is not confirmed;
		// it would leave without translation.
		{Match: []Match{out, Confirmed{}, Pair{Set: SetAdmitted}}, Verdict: accept, Comment: "members, every packet"},
	}}
	if env.WANIndex != 0 {
		// The number may go stale when the port is unplugged and comes back. Then
		// this rule and chain outbound carry on by name, a little slower.
		c.Rules = append(c.Rules, Rule{Match: []Match{In{Interface: cfg.WAN.Port}}, Verdict: Verdict{Kind: Goto, Chain: chainInbound}})
	}
	c.Rules = append(c.Rules, Rule{Match: []Match{InSet{setZones}}, Verdict: Verdict{Kind: Goto, Chain: chainOutbound}})
	return c
}

// inbound lets answers back in. Nothing opens a flow from outside: "established"
// begins inside. Whoever is no longer online loses the way back with the same
// transaction as the way out.
func inbound() Chain {
	return Chain{Name: chainInbound, Rules: []Rule{
		{Match: []Match{State{Established | Related}, DestinationIn{SetReturning}}, Verdict: accept, Comment: "the way back, to members"},
	}}
}

// outbound sees the first packet of a member's flow, and every packet of
// everybody else.
func outbound(cfg config.Config) Chain {
	c := Chain{Name: chainOutbound, Rules: []Rule{
		{Match: []Match{IPv6{}}, Verdict: drop},
		{Match: []Match{State{Invalid}}, Verdict: drop},
		// Zones never reach each other, not even their members.
		{Match: []Match{Out{Interface: cfg.WAN.Port, Not: true}}, Verdict: drop, Comment: "another zone"},
		{Match: []Match{ToPortIn{setRefused}}, Count: true, Verdict: Verdict{Kind: Goto, Chain: chainRefuse}, Comment: "ways round our DNS, for everybody"},
		// All ports: besides HTTPS they answer on others that nobody else uses. Ping is
		// left to those who try with it whether they are online.
		{Match: []Match{DestinationIn{setResolvers}, Protocol{TCP}, Pair{SetBypass, true}}, Count: true, Verdict: Verdict{Kind: Goto, Chain: chainRefuse}, Comment: "public resolvers by address"},
		{Match: []Match{DestinationIn{setResolvers}, Protocol{UDP}, Pair{SetBypass, true}}, Count: true, Verdict: Verdict{Kind: Goto, Chain: chainRefuse}, Comment: "public resolvers by address"},
		{Match: []Match{Protocol{IPv6InIP4}}, Verdict: Verdict{Kind: Goto, Chain: chainRefuse}, Comment: "6to4"},
	}}
	for _, z := range cfg.Zones {
		// A pair counts only in the zone where it has its lease.
		c.Rules = append(c.Rules, Rule{
			Match:   []Match{In{Interface: z.Bridge()}, Source{Prefix: z.Address.Masked()}, Pair{Set: SetAdmitted}},
			Verdict: accept, Comment: "members",
		})
	}
	c.Rules = append(c.Rules, Rule{Verdict: Verdict{Kind: Goto, Chain: chainRefuse}})
	return c
}

// refuse says no in a way that a program understands at once: a browser whose
// HTTPS is reset asks for the portal by HTTP, and a resolver whose port 853 is
// reset goes back to ours. Silence would make both wait for a minute.
func refuse() Chain {
	return Chain{Name: chainRefuse, Rules: []Rule{
		{Match: []Match{Protocol{TCP}}, Verdict: Verdict{Kind: Reset}},
		{Verdict: Verdict{Kind: Prohibited}},
	}}
}

// output decides what the box itself may send.
func output(cfg config.Config) Chain {
	wan := Out{Interface: cfg.WAN.Port}
	return Chain{Name: "output", Hook: Output, Rules: []Rule{
		{Match: []Match{Out{Interface: "lo"}}, Verdict: accept},
		{Match: []Match{IPv6{}}, Verdict: drop},
		{Match: []Match{State{Invalid}}, Verdict: drop},
		// To the inside the box only answers, and refuses (a reset or an ICMP
		// error is "related" to the packet it refuses). The DHCP server's answer
		// to a broadcast belongs to no flow.
		{Match: []Match{OutSet{setZones}, State{Established | Related}}, Verdict: accept},
		{Match: []Match{OutSet{setZones}, FromPort{UDP, 67}, ToPort{UDP, 68}}, Verdict: accept, Comment: "DHCP"},
		// To the outside, what the box needs and nothing else: the configured
		// resolvers, the time, its own lease, lists and updates over HTTPS, and
		// ping to tell whether the line works.
		{Match: []Match{wan, State{Established | Related}}, Verdict: accept},
		{Match: []Match{wan, Server{UDP, setUpstreams}}, Verdict: accept, Comment: "resolvers"},
		{Match: []Match{wan, Server{TCP, setUpstreams}}, Verdict: accept, Comment: "resolvers"},
		{Match: []Match{wan, ToPort{UDP, 123}}, Verdict: accept, Comment: "time"},
		{Match: []Match{wan, FromPort{UDP, 68}, ToPort{UDP, 67}}, Verdict: accept, Comment: "renewing our lease"},
		{Match: []Match{wan, ToPort{TCP, 443}}, Verdict: accept, Comment: "lists and updates"},
		{Match: []Match{wan, Echo{}}, Verdict: accept},
	}}
}

// prerouting sees the first packet of each flow and sends it to the box where it
// is a question for us. A flow keeps what its first packet got: a connection to
// the portal that is still open when its device comes online stays with the
// portal until it closes, and one that a device opened while online dies in
// forward when it goes offline.
func prerouting() Chain {
	return Chain{Name: "prerouting", Hook: Prerouting, Rules: []Rule{
		{Match: []Match{InSet{setZones}, ToPort{UDP, 53}}, Verdict: Verdict{Kind: Redirect, Port: PortDNS}, Comment: "DNS is asked of us"},
		{Match: []Match{InSet{setZones}, ToPort{TCP, 53}}, Verdict: Verdict{Kind: Redirect, Port: PortDNS}, Comment: "DNS is asked of us"},
		{Match: []Match{InSet{setZones}, ToPort{TCP, 80}, Pair{SetAdmitted, true}}, Verdict: Verdict{Kind: Redirect, Port: PortPortal}, Comment: "strangers see the portal"},
	}}
}

// postrouting gives what leaves the address of the box.
func postrouting(cfg config.Config) Chain {
	return Chain{Name: "postrouting", Hook: Postrouting, Rules: []Rule{
		{Match: []Match{Out{Interface: cfg.WAN.Port}}, Verdict: Verdict{Kind: Masquerade}},
	}}
}

var (
	accept = Verdict{Kind: Accept}
	drop   = Verdict{Kind: Drop}
)
