package dns

import (
	"context"

	"stairgate/config/identity"

	"github.com/miekg/dns"
)

// forwardPlugin asks the school's resolvers, and nobody else, ever.
type forwardPlugin struct{ s *Server }

func (forwardPlugin) Name() string { return "forward" }

// failure says why there is no answer, as an Extended DNS Error.
type failure struct {
	code uint16
	text string
}

// ServeDNS implements plugin.Handler. When nobody answers it writes nothing and
// leaves the reason in the query, where filter finds it.
func (p forwardPlugin) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := asked(ctx)
	who := passenger{q.client.Addr, q.zone.ID, q.class == identity.Admitted}
	m, f := p.s.upstreams.resolve(ctx, who, q.snap.Data().Upstreams, r)
	if m == nil {
		p.s.counts.failed.Add(1)
		q.failure = f
		return dns.RcodeServerFailure, nil
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// outgoing is the question we ask of r's: the same question in lower case and
// nothing else of the client's. Its options may say who it is (RFC 7871).
func outgoing(r *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.Id = dns.Id()
	m.RecursionDesired = true
	m.CheckingDisabled = r.CheckingDisabled
	m.AuthenticatedData = r.AuthenticatedData
	q := r.Question[0]
	q.Name = dns.CanonicalName(q.Name)
	m.Question = []dns.Question{q}
	do := r.IsEdns0() != nil && r.IsEdns0().Do()
	m.SetEdns0(upstreamSize, do)
	return m
}

// incoming makes a resolver's answer the answer to r.
func incoming(m, r *dns.Msg) *dns.Msg {
	m.Id = r.Id
	m.Question = r.Question
	m.Response = true
	m.Authoritative = false
	m.RecursionDesired = r.RecursionDesired
	m.RecursionAvailable = true
	m.CheckingDisabled = r.CheckingDisabled
	m.Zero = false
	extra := m.Extra[:0]
	for _, rr := range m.Extra {
		if rr.Header().Rrtype != dns.TypeOPT { // it concerns us and the resolver
			extra = append(extra, rr)
		}
	}
	m.Extra = extra
	return m
}
