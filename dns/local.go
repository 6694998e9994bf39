package dns

import (
	"context"
	"net/netip"
	"net/url"
	"strings"

	"stairgate/config/identity"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// localPlugin answers what must never leave the school: its own names, the
// reserved ones, the reverse of private addresses, and the signals by which
// systems ask whether they may go round the resolver.
type localPlugin struct {
	s    *Server
	next plugin.Handler
}

func (localPlugin) Name() string { return "local" }

// ServeDNS implements plugin.Handler.
func (p localPlugin) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := asked(ctx)
	for _, answer := range locals {
		if m := answer(q, r); m != nil {
			if q.action == actionAllow {
				q.action = actionLocal
			}
			return dns.RcodeSuccess, w.WriteMsg(m)
		}
	}
	return p.next.ServeDNS(ctx, w, r)
}

// locals are asked in order; nil passes the question on.
var locals = []func(*query, *dns.Msg) *dns.Msg{
	// Signals first: nothing the school configures may take them over.
	signals,
	// The school's pages may have a public name (that of a certificate), and the
	// school's domain may lie below a reserved one (school.internal, home.arpa), so
	// both come before the reserved names.
	pages,
	schoolDomain,
	reserved,
	reverse,
}

// Labels of our pages in the school's domain.
const (
	labelBlocked = "blocked"
	labelSignOut = "signout"
	labelStatus  = "status"
)

// pages answers the names of our own web pages with the box's address in the
// client's zone: the box has one in each, and a zone cannot reach another's.
func pages(q *query, r *dns.Msg) *dns.Msg {
	if isPage(q.snap.Data(), q.name) {
		return address(r, q.zone.Addr, ttlLocal)
	}
	return nil
}

func isPage(d *identity.Data, name string) bool {
	if name == portalName(d) {
		return true
	}
	if label, rest, _ := strings.Cut(name, "."); rest == d.Domain && d.Domain != "" {
		return label == labelBlocked || label == labelSignOut || label == labelStatus
	}
	if d.CapportURL != "" {
		u, err := url.Parse(d.CapportURL)
		return err == nil && strings.EqualFold(u.Hostname(), name)
	}
	return false
}

// portalName is the portal's full name; a bare label lies in the school's domain.
func portalName(d *identity.Data) string {
	if d.Portal == "" || strings.Contains(d.Portal, ".") {
		return d.Portal
	}
	return d.Portal + "." + d.Domain
}

// schoolDomain answers the school's own domain, all of it: a name in it that
// nobody holds does not exist, and no resolver outside is asked for it.
func schoolDomain(q *query, r *dns.Msg) *dns.Msg {
	d := q.snap.Data()
	if d.Domain == "" || !under(q.name, d.Domain) {
		return nil
	}
	if q.name == d.Domain {
		return apex(r, d)
	}
	if addr, ok := q.snap.Resolve(q.name); ok && q.sees(addr) {
		return address(r, addr, ttlLocal)
	}
	return negative(r, dns.RcodeNameError, d.Domain, ttlBlocked)
}

// apex answers the domain itself: it has an authority and a server, no address.
func apex(r *dns.Msg, d *identity.Data) *dns.Msg {
	name := r.Question[0].Name
	m := reply(r)
	m.Authoritative = true
	switch r.Question[0].Qtype {
	case dns.TypeSOA:
		m.Answer = []dns.RR{soa(name, ttlLocal)}
	case dns.TypeNS:
		h := dns.RR_Header{Name: name, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: ttlLocal}
		m.Answer = []dns.RR{&dns.NS{Hdr: h, Ns: dns.Fqdn(portalName(d))}}
	default:
		return negative(r, dns.RcodeSuccess, d.Domain, ttlLocal)
	}
	return m
}

// sees reports whether the client may learn the name of addr. Names of devices
// are often names of people, so a zone sees its own only, and a client in
// quarantine sees itself and the box.
func (q *query) sees(addr netip.Addr) bool {
	switch {
	case addr == q.client.Addr, addr == q.zone.Addr:
		return true
	case q.class != identity.Admitted:
		return false
	}
	return q.zone.Prefix.Contains(addr)
}
