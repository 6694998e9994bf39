package dns

import (
	"net/netip"
	"slices"

	"stairgate/config/identity"
	"stairgate/config/resolvers"
	"stairgate/dns/policy"

	"github.com/miekg/dns"
)

// judgeWriter looks at an answer on its way up: where does it lead?
type judgeWriter struct {
	dns.ResponseWriter
	s         *Server
	q         *query
	req       *dns.Msg
	from      led  // the name that was asked for, and the verdict on it
	rewritten bool // the answer is another name's, for this group only
	written   bool
	kept      bool // for the fast path
}

// WriteMsg implements dns.ResponseWriter. The records of m may be in the cache as
// well, so they are never changed in place.
func (w *judgeWriter) WriteMsg(m *dns.Msg) error {
	w.written = true
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		w.q.action = actionError
	}
	inside := w.leads(m, w.inside)
	public := w.leads(m, resolvers.Has)
	if v, name, bad := w.judge(m); bad {
		return w.ResponseWriter.WriteMsg(blocked(w.q, w.req, v, name))
	}
	if inside && !mayBePrivate(w.q) {
		return w.ResponseWriter.WriteMsg(blocked(w.q, w.req, rebindVerdict(w.q), w.q.name))
	}
	if public {
		if v := w.judgeResolver(); stops(v) {
			return w.ResponseWriter.WriteMsg(blocked(w.q, w.req, v, w.q.name))
		}
	}
	altered := false
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		if rrs, changed := withoutECH(*section); changed {
			*section, altered = rrs, true
		}
	}
	if altered {
		m.AuthenticatedData = false // no longer what the resolver vouched for
	}
	if !inside && !public && !w.rewritten {
		w.kept = w.keep(m)
	}
	return w.ResponseWriter.WriteMsg(m)
}

// judge asks about every name the answer leads to; name is the one that is blocked.
func (w *judgeWriter) judge(m *dns.Msg) (v policy.Verdict, name string, bad bool) {
	for _, section := range [][]dns.RR{m.Answer, m.Extra} {
		for _, rr := range section {
			if name := targetOf(rr); name != "" {
				v := w.s.judge(w.q.view, &w.q.client, name, w.s.opt.Categories.Lookup(name), w.q.now, &w.from)
				if stops(v) {
					return v, name, true
				}
			}
		}
	}
	return policy.Verdict{}, "", false
}

// judgeResolver judges the name as a way round the filter: its answer leads to the
// address of a public resolver, whatever the name is called.
func (w *judgeWriter) judgeResolver() policy.Verdict {
	return w.s.decide(w.q.view.rules, policy.Question{
		Client: w.q.client, Name: w.q.name, Set: identity.SetOf(identity.Bypass), Now: w.q.now,
		Essential: w.from.essential, Led: true, By: w.from.verdict,
	})
}

// leads reports whether an address in the answer is of a kind.
func (w *judgeWriter) leads(m *dns.Msg, kind func(netip.Addr) bool) bool {
	for _, section := range [][]dns.RR{m.Answer, m.Extra} {
		for _, rr := range section {
			if slices.ContainsFunc(addressesOf(rr), kind) {
				return true
			}
		}
	}
	return false
}

// keep gives the answer to the fast path. It is one for everybody: it was allowed to
// go to this client, but the names it leads to are judged again for whoever asks next.
func (w *judgeWriter) keep(m *dns.Msg) bool {
	name := plainWire(w.q.name)
	if name == nil {
		return false
	}
	a := newWireAnswer(m)
	return a != nil && w.s.answers.put(name, w.q.qtype, variant(isDO(w.req), w.req.CheckingDisabled, w.req.AuthenticatedData), w.q.now, a)
}

// inside reports whether an address belongs to a network of ours, or could.
func (w *judgeWriter) inside(a netip.Addr) bool {
	if inward(a) {
		return true
	}
	_, ours := w.q.snap.ZoneOf(a)
	return ours
}

// targetOf is the name a record leads to, normalised; "" when it leads nowhere.
func targetOf(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.CNAME:
		return normalise(rr.Target)
	case *dns.DNAME:
		return normalise(rr.Target)
	case *dns.SVCB:
		return normalise(rr.Target) // "." is the owner itself
	case *dns.HTTPS:
		return normalise(rr.Target)
	}
	return ""
}

// addressesOf are the addresses in a record, with the hints of HTTPS and SVCB.
func addressesOf(rr dns.RR) []netip.Addr {
	switch rr := rr.(type) {
	case *dns.A:
		return appendAddr(nil, rr.A)
	case *dns.AAAA:
		return appendAddr(nil, rr.AAAA)
	case *dns.SVCB:
		return hints(rr.Value)
	case *dns.HTTPS:
		return hints(rr.Value)
	}
	return nil
}

func hints(values []dns.SVCBKeyValue) []netip.Addr {
	var out []netip.Addr
	for _, v := range values {
		switch v := v.(type) {
		case *dns.SVCBIPv4Hint:
			for _, ip := range v.Hint {
				out = appendAddr(out, ip)
			}
		case *dns.SVCBIPv6Hint:
			for _, ip := range v.Hint {
				out = appendAddr(out, ip)
			}
		}
	}
	return out
}

func appendAddr(out []netip.Addr, ip []byte) []netip.Addr {
	if a, ok := netip.AddrFromSlice(ip); ok {
		return append(out, a)
	}
	return out
}

// withoutECH takes the keys of Encrypted Client Hello out of HTTPS and SVCB records
// and leaves everything else as it is: without the keys a browser sends the name of
// the site in the open, and the rest of the record is of use to it.
func withoutECH(rrs []dns.RR) (out []dns.RR, changed bool) {
	for i, rr := range rrs {
		values := svcbValues(rr)
		if values == nil || !slices.ContainsFunc(*values, isECH) {
			continue
		}
		if !changed {
			rrs, changed = slices.Clone(rrs), true
		}
		rr = dns.Copy(rr)
		values = svcbValues(rr)
		*values = slices.DeleteFunc(*values, isECH)
		rrs[i] = rr
	}
	return rrs, changed
}

func svcbValues(rr dns.RR) *[]dns.SVCBKeyValue {
	switch rr := rr.(type) {
	case *dns.SVCB:
		return &rr.Value
	case *dns.HTTPS:
		return &rr.Value
	}
	return nil
}

func isECH(v dns.SVCBKeyValue) bool { return v.Key() == dns.SVCB_ECHCONFIG }
