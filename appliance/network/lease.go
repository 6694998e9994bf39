package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
)

// WANLease is what the broadband router lent the box.
type WANLease struct {
	Addr    netip.Prefix // the box in the router's subnet
	Gateway netip.Addr   // the zero Addr where the router named none
	Routes  []Route      // option 121; where there are any they replace Gateway
	DNS     []netip.Addr // the router's resolvers, for information: the box asks the school's
	NTP     []netip.Addr
	MTU     int // 0: the usual

	Server    netip.Addr   // who lent it
	ServerMAC identity.MAC // through whom its answer came

	Obtained, Renew, Rebind, Expires time.Time
}

var anywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// maxRoutes is far more than a broadband line needs.
const maxRoutes = 32

// routes are the routes the lease asks for.
func (l WANLease) routes() []Route {
	switch {
	case len(l.Routes) > 0:
		return l.Routes // RFC 3442: option 3 is then ignored
	case l.Gateway.IsValid():
		return []Route{{To: anywhere, Via: l.Gateway}}
	}
	return nil
}

// same says whether the kernel would see a difference between two leases.
func (l WANLease) same(o WANLease) bool {
	return l.Addr == o.Addr && l.MTU == o.MTU && slices.Equal(l.routes(), o.routes())
}

// check says what is wrong with a lease, whether it comes from the line or from
// our file: neither is trusted.
func (l WANLease) check() error {
	a := l.Addr.Addr()
	switch {
	case !l.Addr.IsValid() || !a.Is4():
		return errors.New("no IPv4 address and mask")
	case !usable(a):
		return fmt.Errorf("the address %s cannot belong to a box", a)
	case l.Addr.Bits() < 8:
		return fmt.Errorf("the mask /%d is wider than any network", l.Addr.Bits())
	case l.Addr.Bits() < 31 && (a == l.Addr.Masked().Addr() || a == last(l.Addr)):
		return fmt.Errorf("%s is the subnet's own address, not a box's", a)
	case !usable(l.Server):
		return errors.New("no usable server address")
	case l.MTU != 0 && (l.MTU < 576 || l.MTU > ethernetMTU):
		return fmt.Errorf("the packet size %d is out of range", l.MTU)
	case l.Gateway.IsValid() && !l.reaches(l.Gateway):
		return fmt.Errorf("the gateway %s is not in the subnet %s", l.Gateway, l.Addr.Masked())
	case len(l.Routes) > maxRoutes:
		return fmt.Errorf("%d routes are too many", len(l.Routes))
	case !l.Obtained.Before(l.Expires):
		return errors.New("a lease that is over before it begins")
	case l.Renew.Before(l.Obtained) || l.Rebind.Before(l.Renew) || l.Expires.Before(l.Rebind):
		return errors.New("the times of renewal are out of order")
	}
	for _, r := range l.Routes {
		if err := l.checkRoute(r); err != nil {
			return err
		}
	}
	return nil
}

func (l WANLease) checkRoute(r Route) error {
	to := r.To.Addr()
	switch {
	case !r.To.IsValid() || !to.Is4() || r.To != r.To.Masked():
		return fmt.Errorf("the route %s leads nowhere", r)
	case r.To.Bits() != 0 && (to.IsLoopback() || to.IsMulticast() || to.IsUnspecified() || to.As4()[0] >= 240):
		return fmt.Errorf("the route %s leads nowhere", r)
	case r.To.Bits() == 0 && !r.Via.IsValid():
		return errors.New("the default route has no gateway")
	case r.Via.IsValid() && !l.reaches(r.Via):
		return fmt.Errorf("the route %s has a gateway that is not in the subnet %s", r, l.Addr.Masked())
	}
	return nil
}

// reaches says whether a gateway can be a neighbour. A lease of a single address
// (/32) is how some providers say "everything is on the link".
func (l WANLease) reaches(gw netip.Addr) bool {
	if !gw.Is4() || !usable(gw) || gw == l.Addr.Addr() {
		return false
	}
	if l.Addr.Bits() == 32 {
		return true
	}
	return l.Addr.Contains(gw) && (l.Addr.Bits() == 31 || gw != l.Addr.Masked().Addr() && gw != last(l.Addr))
}

// usable says whether an address may belong to a machine on a wire.
func usable(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		a.As4()[0] != 0 && a.As4()[0] < 240
}

// last is the broadcast address of a subnet.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	n := binary.BigEndian.Uint32(b[:]) | uint32(1<<(32-p.Bits())-1)
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// shortestRenew keeps a router that lends for seconds from making the box talk
// without pause.
const shortestRenew = time.Second

// leaseOf reads an offer or an acknowledgement. Whoever answers first on the
// line is believed about what the line is like, but not against reason.
func leaseOf(msg *dhcpv4.DHCPv4, from identity.MAC, now time.Time) (WANLease, error) {
	l := WANLease{ServerMAC: from, Obtained: now}
	addr, _ := netip.AddrFromSlice(msg.YourIPAddr.To4())
	mask := msg.Options.Get(dhcpv4.OptionSubnetMask)
	bits, ok := maskBits(mask)
	if !ok {
		return l, fmt.Errorf("the mask % x is none", mask)
	}
	l.Addr = netip.PrefixFrom(addr, bits)
	if ids := addrs(msg, dhcpv4.OptionServerIdentifier); len(ids) == 1 {
		l.Server = ids[0]
	}
	if gws := addrs(msg, dhcpv4.OptionRouter); len(gws) > 0 {
		l.Gateway = gws[0]
	}
	for _, a := range addrs(msg, dhcpv4.OptionDomainNameServer) {
		if usable(a) && len(l.DNS) < 8 {
			l.DNS = append(l.DNS, a)
		}
	}
	for _, a := range addrs(msg, dhcpv4.OptionNTPServers) {
		if usable(a) && len(l.NTP) < 8 {
			l.NTP = append(l.NTP, a)
		}
	}
	if b := msg.Options.Get(dhcpv4.OptionInterfaceMTU); len(b) == 2 {
		// A size out of range is ignored: Ethernet's own works nearly everywhere.
		if mtu := int(binary.BigEndian.Uint16(b)); mtu >= 576 && mtu < ethernetMTU {
			l.MTU = mtu
		}
	}

	whole, ok := seconds(msg, dhcpv4.OptionIPAddressLeaseTime)
	if !ok || whole == 0 {
		return l, errors.New("no lease time")
	}
	t1, ok1 := seconds(msg, dhcpv4.OptionRenewTimeValue)
	t2, ok2 := seconds(msg, dhcpv4.OptionRebindingTimeValue)
	if !ok1 || !ok2 || t1 == 0 || t1 >= t2 || t2 >= whole {
		t1, t2 = whole/2, whole/8*7 // RFC 2131, 4.4.5
	}
	t1 = min(max(t1, shortestRenew), whole)
	t2 = min(max(t2, t1), whole)
	l.Renew, l.Rebind, l.Expires = now.Add(t1), now.Add(t2), now.Add(whole)

	l.Routes = l.usefulRoutes(msg.Options.Get(dhcpv4.OptionClasslessStaticRoute))
	if len(l.Routes) > 0 {
		l.Gateway = netip.Addr{}
	}
	return l, l.check()
}

// usefulRoutes parses option 121 (RFC 3442). Garbage is as good as no option;
// a route that makes no sense is left out.
func (l WANLease) usefulRoutes(b []byte) []Route {
	var out []Route
	for len(b) > 0 {
		bits := int(b[0])
		n := (bits + 7) / 8
		if bits > 32 || len(b) < 1+n+4 {
			return nil
		}
		var to [4]byte
		copy(to[:], b[1:1+n])
		r := Route{To: netip.PrefixFrom(netip.AddrFrom4(to), bits).Masked()}
		if via := netip.AddrFrom4([4]byte(b[1+n : 5+n])); !via.IsUnspecified() {
			r.Via = via
		}
		b = b[5+n:]
		double := slices.ContainsFunc(out, func(o Route) bool { return o.To == r.To })
		if l.checkRoute(r) == nil && !double && len(out) < maxRoutes {
			out = append(out, r)
		}
	}
	return out
}

func maskBits(b []byte) (int, bool) {
	if len(b) != 4 {
		return 0, false
	}
	m := binary.BigEndian.Uint32(b)
	for bits := range 33 {
		if m == uint32(0xffffffff<<(32-bits)&0xffffffff) {
			return bits, true
		}
	}
	return 0, false
}

func addrs(msg *dhcpv4.DHCPv4, code dhcpv4.OptionCode) []netip.Addr {
	b := msg.Options.Get(code)
	if len(b)%4 != 0 {
		return nil
	}
	var out []netip.Addr
	for chunk := range slices.Chunk(b, 4) {
		out = append(out, netip.AddrFrom4([4]byte(chunk)))
	}
	return out
}

func seconds(msg *dhcpv4.DHCPv4, code dhcpv4.OptionCode) (time.Duration, bool) {
	b := msg.Options.Get(code)
	if len(b) != 4 {
		return 0, false
	}
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Second, true
}
