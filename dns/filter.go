package dns

import (
	"context"

	"stairgate/config/identity"
	"stairgate/dns/policy"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// filterPlugin judges the question on the way down and the answer on the way up.
type filterPlugin struct {
	s    *Server
	next plugin.Handler
}

func (filterPlugin) Name() string { return "filter" }

// ServeDNS implements plugin.Handler.
func (p filterPlugin) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := asked(ctx)
	if rule, why := tooMuch(q); rule != "" {
		return refuse(q, w, r, rule, why)
	}
	if q.qtype == dns.TypeANY {
		return dns.RcodeSuccess, w.WriteMsg(any8482(r))
	}
	set := p.s.opt.Categories.Lookup(q.name)
	v := p.s.judge(q.view, &q.client, q.name, set, q.now, nil)
	if t := p.s.watch(&q.client, q.name, set, q.now); !stops(v) && stops(t) {
		v = t
	}
	if stops(v) {
		return dns.RcodeSuccess, w.WriteMsg(blocked(q, r, v, q.name))
	}
	q.action, q.rule, q.category, q.judged = action(v.Action), v.Rule, v.Category, q.name

	jw := &judgeWriter{ResponseWriter: w, s: p.s, q: q, req: r, from: led{v, set.Essential()}, rewritten: v.Action == policy.Rewrite}
	var rcode int
	var err error
	if jw.rewritten {
		rcode, err = p.rewrite(ctx, jw, r, v)
	} else {
		rcode, err = p.next.ServeDNS(ctx, jw, r)
	}
	if jw.written && !jw.kept {
		p.s.unkept.add(q)
	}
	if !jw.written && rcode == dns.RcodeServerFailure {
		// Nobody answered. The reason is written here and not in forward, because
		// the cache between them takes the OPT record away.
		q.action = actionError
		m := reply(r)
		m.Rcode = dns.RcodeServerFailure
		return dns.RcodeSuccess, w.WriteMsg(explain(m, r, q.failure.code, q.failure.text))
	}
	return rcode, err
}

// blocked answers with the address of the block page: the box, in the client's own
// zone. The zones have IPv4 only, so AAAA has no page to lead to and is answered
// empty; a browser then uses the A record. HTTPS and SVCB are answered empty too:
// their address hints and keys would lead past the page. So is any other type.
//
// Judged is the name the verdict is on: the one asked for, or one it leads to.
func blocked(q *query, r *dns.Msg, v policy.Verdict, judged string) *dns.Msg {
	q.action, q.rule, q.category, q.judged = action(v.Action), v.Rule, v.Category, judged
	m := address(r, q.zone.Addr, ttlBlocked)
	m.Authoritative = false
	return explain(m, r, blockCode(v.Rule), v.Sentence)
}

// blockCode is the Extended DNS Error (RFC 8914) of a blocked name.
func blockCode(rule string) uint16 {
	switch rule {
	case policy.RuleLocked, policy.RuleTunnel, ruleRebind:
		return dns.ExtendedErrorCodeBlocked // 15: the box does this for everybody
	}
	return dns.ExtendedErrorCodeFiltered // 17: the school asked for this for a group
}

// Rules for questions that are not answered at all.
const (
	ruleTransfer = "transfer"        // zone transfers are for name servers
	ruleType     = "quarantine-type" // a type the portal does not need
	ruleTunnel   = "quarantine-name" // a name that carries data
)

// Limits of names in quarantine. The longest label of a real host name is a
// fingerprint in hexadecimal: 40 characters. Tunnels fill all 63.
const (
	longestLabel = 40
	longestName  = 128
)

// tooMuch reports why a question is refused; an empty rule means it is not.
//
// A type that is not allowed in quarantine is refused, not answered empty: "there
// is no such record" would be untrue, and the device would remember it after
// signing in. REFUSED is remembered by nobody.
func tooMuch(q *query) (rule, why string) {
	switch q.qtype {
	case dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB:
		return ruleTransfer, "Zone transfers are not answered."
	}
	if q.class == identity.Admitted {
		return "", ""
	}
	switch q.qtype {
	case dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypePTR:
	default:
		return ruleType, "Sign in first: open " + portalName(q.snap.Data()) + " in a browser."
	}
	if !plainName(q.name) {
		return ruleTunnel, "Sign in first: open " + portalName(q.snap.Data()) + " in a browser."
	}
	return "", ""
}

// plainName reports whether a name looks like one of a host and not like data.
func plainName(name string) bool {
	if len(name) > longestName {
		return false
	}
	label := 0
	for _, c := range []byte(name) {
		switch {
		case c == '.':
			label = 0
			continue
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
		if label++; label > longestLabel {
			return false
		}
	}
	return true
}

// refuse answers REFUSED and says why with EDE 18 (Prohibited).
func refuse(q *query, w dns.ResponseWriter, r *dns.Msg, rule, why string) (int, error) {
	q.action, q.rule = actionRefuse, rule
	m := reply(r)
	m.Rcode = dns.RcodeRefused
	return dns.RcodeSuccess, w.WriteMsg(explain(m, r, dns.ExtendedErrorCodeProhibited, why))
}

// any8482 answers ANY as RFC 8482 says: with next to nothing. All records of a
// name are of use to nobody but a forger of addresses.
func any8482(r *dns.Msg) *dns.Msg {
	m := reply(r)
	h := dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: ttlNever}
	m.Answer = []dns.RR{&dns.HINFO{Hdr: h, Cpu: "RFC8482"}}
	return m
}
