package dns

import (
	"net/netip"

	"github.com/miekg/dns"
)

// Times to live, in seconds. A blocked name may be opened, and a device may be
// let in, at any moment: nobody should wait for his own memory.
const (
	ttlBlocked = 5
	ttlLocal   = 60
	ttlNever   = 3600 // of what does not change: reserved names, other people's reverse zones
)

// reply begins an answer of our own.
func reply(r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	return m
}

// negative is NXDOMAIN, or NODATA when rcode is success. The SOA of zone lets the
// client remember it for ttl seconds (RFC 2308).
func negative(r *dns.Msg, rcode int, zone string, ttl uint32) *dns.Msg {
	m := reply(r)
	m.Rcode = rcode
	m.Authoritative = true
	m.Ns = []dns.RR{soa(zone, ttl)}
	return m
}

func soa(zone string, ttl uint32) dns.RR {
	zone = dns.CanonicalName(zone)
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:  "localhost.", Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: ttl,
	}
}

// address answers an A or AAAA question with addr, and any other with NODATA.
func address(r *dns.Msg, addr netip.Addr, ttl uint32) *dns.Msg {
	q := r.Question[0]
	rr := addressRR(q.Name, addr, ttl)
	if rr == nil || rr.Header().Rrtype != q.Qtype {
		return negative(r, dns.RcodeSuccess, q.Name, ttl)
	}
	m := reply(r)
	m.Authoritative = true
	m.Answer = []dns.RR{rr}
	return m
}

func addressRR(name string, addr netip.Addr, ttl uint32) dns.RR {
	h := dns.RR_Header{Name: name, Class: dns.ClassINET, Ttl: ttl}
	switch {
	case addr.Is4():
		h.Rrtype = dns.TypeA
		return &dns.A{Hdr: h, A: addr.AsSlice()}
	case addr.Is6():
		h.Rrtype = dns.TypeAAAA
		return &dns.AAAA{Hdr: h, AAAA: addr.AsSlice()}
	}
	return nil
}

// explain adds an Extended DNS Error (RFC 8914) where the client speaks EDNS.
func explain(m, r *dns.Msg, code uint16, text string) *dns.Msg {
	o := r.IsEdns0()
	if o == nil {
		return m
	}
	if m.IsEdns0() == nil {
		m.SetEdns0(o.UDPSize(), o.Do())
	}
	mo := m.IsEdns0()
	mo.Option = append(mo.Option, &dns.EDNS0_EDE{InfoCode: code, ExtraText: text})
	return m
}
