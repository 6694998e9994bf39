package firewall

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/config/resolvers"
)

// The ports of the box.
const (
	PortDNS    = 53
	PortPortal = 80
	PortTLS    = 443
	PortAdmin  = 8443
)

// Env is what the rules depend on besides configuration and people.
type Env struct {
	Setup       bool      // no technician account exists yet
	RescueUntil time.Time // end of the rescue window after power-on
	Now         time.Time

	// Bypass says whose filter leaves ways round it open, and until when (zero: with no
	// end). Whoever is not in it reaches no public resolver.
	Bypass map[netip.Addr]time.Time

	// WANIndex is the kernel's number of the WAN port, if known: comparing a
	// number is cheaper than comparing a name, on every packet. Zero: by name.
	WANIndex int
}

// Compile says what the kernel should hold. It is pure: the same input gives the
// same Ruleset. A nil snapshot is one with nobody in it.
func Compile(cfg config.Config, snap *identity.Snapshot, env Env) Ruleset {
	rs := Ruleset{
		Sets: append(people(cfg, snap, env),
			Set{Name: setZones, Key: []Datatype{IfName}, Elements: zoneNames(cfg)},
			Set{Name: setRefused, Key: []Datatype{InetProto, InetService}, Elements: refusedPorts()},
			Set{Name: setUpstreams, Key: []Datatype{IPv4Addr, InetService}, Elements: upstreams(cfg)},
			Set{Name: setResolvers, Key: []Datatype{IPv4Addr}, Interval: true, Elements: publicResolvers()},
		),
		Chains: []Chain{input(cfg)},
	}
	for _, z := range cfg.Zones {
		rs.Chains = append(rs.Chains, fromZone(cfg, z))
	}
	rs.Chains = append(rs.Chains, forward(cfg, env), inbound(), outbound(cfg), refuse(), output(cfg), prerouting(), postrouting(cfg))
	for _, s := range rs.Sets {
		sortElements(s.Key, s.Elements)
	}
	rs.Chains = append([]Chain{{Name: rs.generation()}}, rs.Chains...)
	return rs
}

// Sets whose elements follow from the configuration alone.
const (
	setZones     = "zones"     // bridges of all zones
	setRefused   = "refused"   // transport . port of ways round our DNS
	setUpstreams = "upstreams" // the resolvers the box may ask
	setResolvers = "resolvers" // public resolvers, which clients may not ask
)

// Chains reached by goto.
const (
	chainInbound  = "inbound"
	chainOutbound = "outbound"
	chainRefuse   = "refuse"
)

// generation names the empty chain that marks this ruleset in the kernel: a hash
// of all that does not come and go. A kernel that lost the transaction does not
// hold a chain of that name.
func (rs Ruleset) generation() string {
	frame := Ruleset{Sets: make([]Set, len(rs.Sets)), Chains: rs.Chains}
	for i, s := range rs.Sets {
		s.Elements = nil
		frame.Sets[i] = s
	}
	sum := sha256.Sum256([]byte(frame.String()))
	return "generation_" + hex.EncodeToString(sum[:6])
}

// people makes the sets that say who may do what.
func people(cfg config.Config, snap *identity.Snapshot, env Env) []Set {
	admitted := Set{Name: SetAdmitted, Key: []Datatype{EtherAddr, IPv4Addr}, Timeout: true}
	returning := Set{Name: SetReturning, Key: []Datatype{IPv4Addr}, Timeout: true}
	admin := Set{Name: SetAdmin, Key: []Datatype{EtherAddr, IPv4Addr}, Timeout: true}
	bypass := Set{Name: SetBypass, Key: []Datatype{EtherAddr, IPv4Addr}, Timeout: true}
	open := Set{Name: SetAdminOpen, Key: []Datatype{IPv4Addr}, Timeout: true}

	mayAdmin := make(map[string]bool, len(cfg.Groups))
	for _, g := range cfg.Groups {
		mayAdmin[g.ID] = g.Admin
	}
	seen := make(map[netip.Addr]bool)
	for _, c := range clients(snap) {
		z, ok := zoneOf(cfg, c)
		left, alive := remaining(c.Until, env.Now)
		if !ok || seen[c.Addr] {
			continue
		}
		seen[c.Addr] = true
		online := c.Class == identity.Admitted && alive
		if online {
			admitted.Elements = append(admitted.Elements, Element{PairKey(c.MAC, c.Addr), left})
			returning.Elements = append(returning.Elements, Element{AddrKey(c.Addr), left})
			if until, ok := env.Bypass[c.Addr]; ok {
				if left, running := remaining(earlier(until, c.Until), env.Now); running {
					bypass.Elements = append(bypass.Elements, Element{PairKey(c.MAC, c.Addr), left})
				}
			}
		}
		// A device has a group of its own only once a technician has approved
		// it; so an approved one may be administered from before anybody signs.
		approved := c.Group != z.Default && !c.Waiting
		if z.Kind == config.ZoneSchool && mayAdmin[c.Group] && (online || approved) {
			e := Element{Key: PairKey(c.MAC, c.Addr)}
			if !approved {
				e.Timeout = left
			}
			admin.Elements = append(admin.Elements, e)
		}
	}

	rescue, inWindow := remaining(env.RescueUntil, env.Now)
	for _, z := range cfg.Zones {
		e := Element{Key: AddrKey(z.Address.Addr())}
		switch {
		case z.Kind != config.ZoneSchool:
			continue
		case env.Setup:
		case inWindow && !env.RescueUntil.IsZero():
			e.Timeout = rescue
		default:
			continue
		}
		open.Elements = append(open.Elements, e)
	}
	return []Set{admitted, returning, bypass, admin, open}
}

func clients(snap *identity.Snapshot) []identity.Client {
	if snap == nil {
		return nil
	}
	return snap.Data().Clients
}

// zoneOf finds the zone a client is in and checks that its address can be
// there: a pair for an address outside the zone would never be matched, and one
// for the box's own address or the broadcast address must not be.
func zoneOf(cfg config.Config, c identity.Client) (config.Zone, bool) {
	for _, z := range cfg.Zones {
		if z.ID != c.Zone && c.Zone != "" {
			continue
		}
		if c.Addr.Is4() && z.Address.Contains(c.Addr) && c.Addr != z.Address.Addr() && !c.MAC.IsZero() {
			return z, true
		}
	}
	return config.Zone{}, false
}

// remaining is the time from now to until, in the kernel's milliseconds; alive is
// false when there is none left. Zero until means for ever.
func remaining(until, now time.Time) (left time.Duration, alive bool) {
	if until.IsZero() {
		return 0, true
	}
	left = until.Sub(now).Truncate(time.Millisecond)
	return left, left > 0
}

// earlier is the first of two ends; zero is no end.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func zoneNames(cfg config.Config) []Element {
	var out []Element
	for _, z := range cfg.Zones {
		out = append(out, Element{Key: NameKey(z.Bridge())})
	}
	return out
}

// refusedPorts are the ports of encrypted DNS and of tunnels that would carry
// IPv6 past us, as the standards and the public resolvers use them.
func refusedPorts() []Element {
	return []Element{
		{Key: ProtoPortKey(TCP, 53)},   // redirected to us long before; here nothing may be left
		{Key: ProtoPortKey(UDP, 53)},   // "
		{Key: ProtoPortKey(TCP, 853)},  // DNS over TLS
		{Key: ProtoPortKey(UDP, 853)},  // DNS over QUIC
		{Key: ProtoPortKey(UDP, 784)},  // DNS over QUIC, before it had a number
		{Key: ProtoPortKey(UDP, 8853)}, // "
		{Key: ProtoPortKey(TCP, 5053)}, // Quad9 and others
		{Key: ProtoPortKey(TCP, 453)},  // "
		{Key: ProtoPortKey(UDP, 3544)}, // Teredo
	}
}

// publicResolvers are the IPv4 addresses of the table. Those of IPv6 need no set: no
// packet of that family passes.
func publicResolvers() []Element {
	var out []Element
	for _, r := range resolvers.Ranges4() {
		out = append(out, Element{Key: RangeKey(r.From, r.To)})
	}
	return out
}

// upstreams are the configured resolvers. Those with an IPv6 address are left
// out: the box has no IPv6.
func upstreams(cfg config.Config) []Element {
	seen := make(map[Key]bool)
	var out []Element
	for _, u := range cfg.DNS.Upstreams {
		if k := AddrPortKey(u); u.Addr().Is4() && !seen[k] {
			seen[k] = true
			out = append(out, Element{Key: k})
		}
	}
	return out
}
