package walk_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/firewall"
)

// invent makes up a school: any number of zones with prefixes of any length,
// groups, people in all conditions, at set-up, in the rescue window or later.
// Like a validated configuration, zones do not overlap and names are proper.
func invent(r *rand.Rand) school {
	s := school{env: firewall.Env{Now: morning, Bypass: make(map[netip.Addr]time.Time)}}
	chance := func(of int) bool { return r.IntN(of) == 0 }
	s.cfg.WAN = config.WAN{Port: "eth0", Mode: config.WANDHCP}
	for i, n := 0, 1+r.IntN(3); i < n; i++ {
		bits := 20 + r.IntN(10)
		net := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i * 20), byte(r.IntN(256)), byte(r.IntN(256))}), bits).Masked()
		z := config.Zone{
			ID: fmt.Sprintf("zone%d", i), Kind: config.ZoneSchool, Default: "g0",
			Address: netip.PrefixFrom(net.Addr().Next(), bits),
		}
		if chance(3) {
			z.Kind = config.ZoneGuest
		}
		s.cfg.Zones = append(s.cfg.Zones, z)
	}
	for i := range 3 {
		s.cfg.Groups = append(s.cfg.Groups, identity.Group{ID: fmt.Sprintf("g%d", i), Sign: chance(2), Admin: chance(2)})
	}
	for range r.IntN(3) {
		s.cfg.DNS.Upstreams = append(s.cfg.DNS.Upstreams, netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, 9, byte(r.IntN(4))}), uint16(53+r.IntN(2)*5300)))
	}
	if chance(4) {
		s.cfg.Portal.TLS = &config.TLS{}
	}
	s.env.Setup = chance(6)
	if chance(4) {
		s.env.RescueUntil = morning.Add(time.Duration(r.IntN(20)-5) * time.Minute)
	}
	if chance(20) {
		return s // before the first snapshot
	}
	var d identity.Data
	taken := make(map[netip.Addr]bool)
	for i := range r.IntN(8) {
		z := s.cfg.Zones[r.IntN(len(s.cfg.Zones))]
		addr := z.Address.Masked().Addr()
		for range 2 + r.IntN(4) {
			addr = addr.Next()
		}
		if taken[addr] {
			continue
		}
		taken[addr] = true
		c := identity.Client{
			Addr: addr, MAC: identity.MAC{2, 0, 0, 0, 0, byte(1 + i)}, Zone: z.ID,
			Class: identity.Quarantined, Group: fmt.Sprintf("g%d", r.IntN(3)), Waiting: chance(4),
		}
		if chance(2) {
			c.Class = identity.Admitted
			if !chance(4) {
				c.Until = morning.Add(time.Duration(r.IntN(600)-200) * time.Second)
			}
		}
		if chance(3) {
			var until time.Time
			if chance(2) {
				until = morning.Add(time.Duration(r.IntN(600)-200) * time.Second)
			}
			s.env.Bypass[c.Addr] = until
		}
		d.Clients = append(d.Clients, c)
	}
	s.snap = identity.New(d)
	return s
}
