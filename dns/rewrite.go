package dns

import (
	"context"

	"stairgate/dns/policy"

	"github.com/miekg/dns"
)

// A search engine is held to its safe mode by answering its name with the addresses of
// another of its names. These answers are of a group, so they are made above the cache
// and never kept; what the other name's addresses are, everybody shares.

// ttlRewritten is the longest a device remembers where a name was led: a change of the
// group's settings is felt as soon as with a name that is blocked.
const ttlRewritten = 10

// rewrite answers a question with what is known of the verdict's target. HTTPS and every
// type but A and AAAA are answered empty: what such a record says of the name asked for
// (keys, hints of addresses) is not true of the target.
func (p filterPlugin) rewrite(ctx context.Context, w *judgeWriter, r *dns.Msg, v policy.Verdict) (int, error) {
	qtype := r.Question[0].Qtype
	switch {
	case v.Target == "":
		m := address(r, v.Addr, ttlRewritten)
		m.Authoritative = false
		return dns.RcodeSuccess, w.WriteMsg(m)
	case qtype != dns.TypeA && qtype != dns.TypeAAAA:
		m := negative(r, dns.RcodeSuccess, r.Question[0].Name, ttlRewritten)
		m.Authoritative = false
		return dns.RcodeSuccess, w.WriteMsg(m)
	}
	other := r.Copy()
	other.Question[0].Name = dns.Fqdn(v.Target)
	return p.next.ServeDNS(ctx, rewriteWriter{w, r}, other)
}

// rewriteWriter makes the target's answer the answer to the name asked for.
type rewriteWriter struct {
	*judgeWriter
	req *dns.Msg
}

// WriteMsg implements dns.ResponseWriter.
func (w rewriteWriter) WriteMsg(m *dns.Msg) error {
	q := w.req.Question[0]
	alias := &dns.CNAME{
		Hdr:    dns.RR_Header{Name: q.Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: ttlRewritten},
		Target: m.Question[0].Name,
	}
	out := *m
	out.Question = []dns.Question{q}
	out.Answer = append([]dns.RR{alias}, short(m.Answer)...)
	out.Ns = short(m.Ns)
	out.AuthenticatedData = false // nobody vouched for the alias
	return w.judgeWriter.WriteMsg(&out)
}

// short copies records with their times cut to ours; the originals may be in the cache.
func short(rrs []dns.RR) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		h := out[i].Header()
		h.Ttl = min(h.Ttl, ttlRewritten)
	}
	return out
}
