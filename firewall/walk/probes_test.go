package walk_test

import (
	"iter"
	"math/rand/v2"
	"net/netip"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
	"stairgate/firewall/walk"
)

// school is one configuration with its people at one moment: the input from
// which the rules are compiled, and from which the tests work out by themselves
// what may pass.
type school struct {
	cfg  config.Config
	snap *identity.Snapshot
	env  firewall.Env
}

func (s school) rules() firewall.Ruleset { return firewall.Compile(s.cfg, s.snap, s.env) }

// Places outside, and things that are nowhere.
var (
	wanAddr  = netip.MustParseAddr("203.0.113.2")
	internet = netip.MustParseAddr("198.51.100.7")
	resolver = netip.MustParseAddr("45.90.28.77") // a public one, in the middle of its range
	stranger = identity.MAC{2, 0xee, 0, 0, 0, 1}
	global6  = netip.MustParseAddr("2001:db8::7")
	local6   = netip.MustParseAddr("fe80::1")
)

const unknownPort = "eth9" // a port that no zone has

func (s school) clients() []identity.Client {
	if s.snap == nil {
		return nil
	}
	return s.snap.Data().Clients
}

// zone is the zone whose bridge name is.
func (s school) zone(name string) (config.Zone, bool) {
	for _, z := range s.cfg.Zones {
		if z.Bridge() == name {
			return z, true
		}
	}
	return config.Zone{}, false
}

// member reports whether the packet comes from somebody who is online, from
// where they are, as who they are.
func (s school) member(p walk.Packet) bool {
	z, ok := s.zone(p.In)
	return ok && s.anyClient(func(c identity.Client) bool {
		return c.MAC == p.MAC && c.Addr == p.Src && z.Address.Contains(c.Addr) && (c.Zone == z.ID || c.Zone == "") && s.online(c)
	})
}

// pair reports whether hardware address and address are those of somebody who is
// online, wherever the packet comes from.
func (s school) pair(p walk.Packet) bool {
	return s.anyClient(func(c identity.Client) bool { return c.MAC == p.MAC && c.Addr == p.Src && s.online(c) })
}

func (s school) online(c identity.Client) bool {
	return c.Class == identity.Admitted && (c.Until.IsZero() || c.Until.After(s.env.Now))
}

// bypasses reports whether the filter leaves ways round it open to the sender.
func (s school) bypasses(p walk.Packet) bool {
	return s.anyClient(func(c identity.Client) bool {
		until, ok := s.env.Bypass[c.Addr]
		return c.MAC == p.MAC && c.Addr == p.Src && s.online(c) && ok && (until.IsZero() || until.After(s.env.Now))
	})
}

// holder reports whether somebody who is online holds addr.
func (s school) holder(addr netip.Addr) bool {
	return s.anyClient(func(c identity.Client) bool { return c.Addr == addr && s.online(c) })
}

// borrows reports whether the packet comes under the address of somebody else who
// is online.
func (s school) borrows(p walk.Packet) bool { return s.holder(p.Src) && !s.member(p) }

// admin reports whether the sender may open the admin pages.
func (s school) admin(p walk.Packet) bool {
	z, ok := s.zone(p.In)
	if !ok || z.Kind != config.ZoneSchool {
		return false
	}
	if s.env.Setup || s.env.RescueUntil.After(s.env.Now) {
		return true
	}
	return s.anyClient(func(c identity.Client) bool {
		group := false
		for _, g := range s.cfg.Groups {
			group = group || g.ID == c.Group && g.Admin
		}
		approved := c.Group != z.Default && !c.Waiting
		return group && c.MAC == p.MAC && c.Addr == p.Src && z.Address.Contains(p.Src) && (approved || s.online(c))
	})
}

// anyClient asks f of every client that can be where the snapshot says, and of
// each address's first only.
func (s school) anyClient(f func(identity.Client) bool) bool {
	seen := make(map[netip.Addr]bool)
	for _, c := range s.clients() {
		if s.placed(c) && !seen[c.Addr] {
			seen[c.Addr] = true
			if f(c) {
				return true
			}
		}
	}
	return false
}

func (s school) placed(c identity.Client) bool {
	for _, z := range s.cfg.Zones {
		if (c.Zone == z.ID || c.Zone == "") && z.Address.Contains(c.Addr) && c.Addr != z.Address.Addr() {
			return !c.MAC.IsZero()
		}
	}
	return false
}

// sender is who a packet claims to come from.
type sender struct {
	mac  identity.MAC
	addr netip.Addr
}

// parts are what the probes of a school are mixed from.
type parts struct {
	ins     []string
	senders []sender
	dsts    []netip.Addr
}

func (s school) parts() parts {
	m := parts{
		ins:  []string{s.cfg.WAN.Port, unknownPort},
		dsts: []netip.Addr{internet, resolver, wanAddr, global6, local6, netip.MustParseAddr("255.255.255.255")},
	}
	macs := []identity.MAC{stranger}
	addrs := []netip.Addr{netip.IPv4Unspecified(), internet, wanAddr, global6, local6, netip.MustParseAddr("127.0.0.1")}
	for _, c := range s.clients() {
		m.senders = append(m.senders, sender{c.MAC, c.Addr})
		macs, addrs, m.dsts = append(macs, c.MAC), append(addrs, c.Addr), append(m.dsts, c.Addr)
	}
	for _, z := range s.cfg.Zones {
		free := z.Address.Addr().Next().Next().Next()
		addrs = append(addrs, free, z.Address.Addr())
		m.dsts = append(m.dsts, free, z.Address.Addr())
		m.ins = append(m.ins, z.Bridge())
	}
	// Everybody under the next one's address, and a stranger under each.
	for i, a := range addrs {
		m.senders = append(m.senders, sender{stranger, a}, sender{macs[i%len(macs)], a}, sender{macs[(i+1)%len(macs)], a})
	}
	return m
}

// all are the probes in every mixture.
func (m parts) all(yield func(walk.Packet) bool) {
	for _, in := range m.ins {
		for _, who := range m.senders {
			for _, dst := range m.dsts {
				for _, p := range kinds {
					p.In, p.MAC, p.Src, p.Dst = in, who.mac, who.addr, dst
					if p.possible() && !yield(p.Packet) {
						return
					}
				}
			}
		}
	}
}

// some are n of them at random.
func (m parts) some(r *rand.Rand, n int) iter.Seq[walk.Packet] {
	return func(yield func(walk.Packet) bool) {
		for range n {
			p, who := kinds[r.IntN(len(kinds))], m.senders[r.IntN(len(m.senders))]
			p.In, p.MAC, p.Src, p.Dst = m.ins[r.IntN(len(m.ins))], who.mac, who.addr, m.dsts[r.IntN(len(m.dsts))]
			if p.possible() && !yield(p.Packet) {
				return
			}
		}
	}
}

// kind is a packet whose ends are still open.
type kind struct{ walk.Packet }

// possible reports whether both ends speak the same IP version.
func (p kind) possible() bool { return p.Src.Is4() == p.Dst.Is4() }

// kinds are the sorts of traffic.
var kinds = func() []kind {
	var out []kind
	for _, port := range []uint16{22, 25, 53, 67, 80, 123, 443, 453, 784, 853, 3544, 5053, 8080, 8443, 8853, 40000} {
		out = append(out,
			kind{walk.Packet{Proto: firewall.TCP, SrcPort: 51000, DstPort: port}},
			kind{walk.Packet{Proto: firewall.UDP, SrcPort: 51000, DstPort: port}})
	}
	return append(out,
		kind{walk.Packet{Proto: firewall.UDP, SrcPort: 68, DstPort: 67}},
		kind{walk.Packet{Proto: firewall.UDP, SrcPort: 53, DstPort: 853}},
		kind{walk.Packet{Proto: firewall.TCP, SrcPort: 443, DstPort: 40000, Broken: true}},
		kind{walk.Packet{Proto: firewall.TCP, SrcPort: 51000, DstPort: 80, Broken: true}},
		kind{walk.Packet{Proto: firewall.ICMP, Type: walk.EchoRequest, SrcPort: 7, DstPort: 7}},
		kind{walk.Packet{Proto: firewall.ICMP, Type: walk.EchoReply, SrcPort: 7, DstPort: 7}},
		kind{walk.Packet{Proto: firewall.IPv6InIP4}},
		kind{walk.Packet{Proto: 47}})
}()

var morning = time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
