package dns

import (
	"context"
	"net"
	"slices"

	"stairgate/config/identity"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// clientPlugin finds out who asks. Whoever is in no zone is refused, and whoever
// is in quarantine is kept to a few small questions.
type clientPlugin struct {
	s    *Server
	next plugin.Handler
}

func (clientPlugin) Name() string { return "client" }

// ServeDNS implements plugin.Handler. For REFUSED and NOTIMP CoreDNS writes the
// answer, which is no longer than the question: nothing to amplify.
func (p clientPlugin) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if r.Opcode != dns.OpcodeQuery {
		return dns.RcodeNotImplemented, nil
	}
	if r.Question[0].Qclass != dns.ClassINET {
		return dns.RcodeRefused, nil // CoreDNS lets CHAOS through to a plugin named forward
	}
	v := p.s.view()
	if v == nil {
		return dns.RcodeRefused, nil
	}
	addr := addrOf(w.RemoteAddr())
	who, ok := v.asker(addr, new(asker))
	if !ok {
		return dns.RcodeRefused, nil
	}
	q := newQuery(v, who, r, p.s.opt.Now())
	if q.class == identity.Quarantined {
		if !p.s.limit.allow(addr, q.now) {
			p.s.counts.limited.Add(1)
			return dns.RcodeRefused, nil
		}
		w = narrowWriter{w, r}
	}
	return p.next.ServeDNS(with(ctx, q), w, r)
}

// narrowSize is the longest answer a client in quarantine gets.
const narrowSize = 512

// narrowWriter keeps an answer to 512 bytes on either transport, so that neither
// a large buffer in EDNS nor TCP makes a tunnel of it.
type narrowWriter struct {
	dns.ResponseWriter
	req *dns.Msg
}

// WriteMsg implements dns.ResponseWriter.
func (w narrowWriter) WriteMsg(m *dns.Msg) error {
	room := narrowSize
	if o := w.req.IsEdns0(); o != nil && m.IsEdns0() == nil {
		room -= dns.Len(o) // CoreDNS sends it back, less the options it does not know
	}
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	if shrink(m, room) && !tcp {
		m.Truncated = true // over TCP there is no longer answer to come back for
	}
	return w.ResponseWriter.WriteMsg(m)
}

// shrink drops what a client can do without until m takes size bytes, and then
// answers, and reports whether any of these were lost. CoreDNS chooses compression by
// the client's buffer and not by our limit, so the count is without it.
func shrink(m *dns.Msg, size int) (lost bool) {
	m.Compress = false
	if m.Len() <= size {
		return false
	}
	m.Ns = nil
	m.Extra = slices.DeleteFunc(slices.Clone(m.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeOPT })
	for len(m.Answer) > 0 && m.Len() > size {
		m.Answer, lost = m.Answer[:len(m.Answer)-1], true
	}
	if m.Len() > size {
		m.Extra = nil
	}
	return lost
}
