package dns

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/coredns/coredns/plugin/pkg/dnsutil"
	"github.com/miekg/dns"
)

// reservedZones exist nowhere: a question for them that left the school would
// only tell a stranger what is looked for in it.
var reservedZones = map[string]bool{
	"invalid":   true, // RFC 6761 section 6.4
	"test":      true, // RFC 6761 section 6.2
	"local":     true, // RFC 6762: multicast DNS, never unicast
	"onion":     true, // RFC 7686
	"alt":       true, // RFC 9476
	"internal":  true, // reserved by ICANN for private use
	"home.arpa": true, // RFC 8375
}

// reserved answers special-use names and names of a single label.
func reserved(q *query, r *dns.Msg) *dns.Msg {
	switch {
	case under(q.name, "localhost"): // RFC 6761 section 6.3
		if q.qtype == dns.TypeAAAA {
			return address(r, netip.IPv6Loopback(), ttlNever)
		}
		return address(r, netip.AddrFrom4([4]byte{127, 0, 0, 1}), ttlNever)
	case q.name == "":
		return nil // the root, which resolvers of our clients may ask for
	}
	for rest, ok := q.name, true; ok; rest, ok = cut(rest) {
		if reservedZones[rest] {
			return negative(r, dns.RcodeNameError, rest, ttlNever)
		}
	}
	if _, dotted := cut(q.name); !dotted {
		switch q.qtype {
		case dns.TypeNS, dns.TypeSOA, dns.TypeDS, dns.TypeDNSKEY:
			return nil // a top-level domain, for a client that checks signatures
		}
		// "printer", "wpad": what somebody typed or a system guesses. The client adds
		// the school's domain by itself (DHCP options 15 and 119).
		return negative(r, dns.RcodeNameError, ".", ttlBlocked)
	}
	return nil
}

// privateReverse are the reverse zones of addresses that mean nothing outside
// (RFC 6303, RFC 7793). We answer them; nobody else could.
var privateReverse = func() map[string]bool {
	m := make(map[string]bool)
	for _, z := range []string{
		"0", "10", "127", "254.169", "168.192", "2.0.192", "100.51.198", "113.0.203", "255.255.255.255",
	} {
		m[z+".in-addr.arpa"] = true
	}
	for i := 16; i < 32; i++ {
		m[strconv.Itoa(i)+".172.in-addr.arpa"] = true
	}
	for i := 64; i < 128; i++ {
		m[strconv.Itoa(i)+".100.in-addr.arpa"] = true
	}
	for _, z := range []string{"c.f", "d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "8.b.d.0.1.0.0.2"} {
		m[z+".ip6.arpa"] = true
	}
	zeros := strings.Repeat("0.", 31)
	m["0."+zeros+"ip6.arpa"] = true
	m["1."+zeros+"ip6.arpa"] = true
	return m
}()

// reverse answers the reverse zones of private addresses and of the school's
// zones, whatever addresses these have.
func reverse(q *query, r *dns.Msg) *dns.Msg {
	if !strings.HasSuffix(q.name, ".arpa") {
		return nil
	}
	zone, private := "", false
	for rest, ok := q.name, true; ok && !private; rest, ok = cut(rest) {
		zone, private = rest, privateReverse[rest]
	}
	addr, err := netip.ParseAddr(dnsutil.ExtractAddressFromReverse(q.name + "."))
	if err == nil {
		if _, ours := q.snap.ZoneOf(addr); ours {
			if host, ok := q.host(addr); ok {
				return pointer(r, host)
			}
			if !private {
				zone, private = q.name, true
			}
		}
	}
	if !private {
		return nil
	}
	return negative(r, dns.RcodeNameError, zone, ttlBlocked)
}

// host is the name of an address, if the client may know it.
func (q *query) host(addr netip.Addr) (string, bool) {
	if !q.sees(addr) {
		return "", false
	}
	if addr == q.zone.Addr {
		return portalName(q.snap.Data()), true
	}
	return q.snap.Host(addr)
}

func pointer(r *dns.Msg, host string) *dns.Msg {
	name := r.Question[0].Name
	if r.Question[0].Qtype != dns.TypePTR {
		return negative(r, dns.RcodeSuccess, name, ttlLocal)
	}
	m := reply(r)
	m.Authoritative = true
	h := dns.RR_Header{Name: name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: ttlLocal}
	m.Answer = []dns.RR{&dns.PTR{Hdr: h, Ptr: dns.Fqdn(host)}}
	return m
}

// cut takes the first label off; ok is false when it was the only one.
func cut(name string) (rest string, ok bool) {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			return name[i+1:], true
		}
	}
	return "", false
}
