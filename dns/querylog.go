package dns

import (
	"cmp"
	"context"

	"stairgate/config/edge"
	"stairgate/config/identity"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// querylogPlugin logs every question that reaches it, with what became of it.
type querylogPlugin struct {
	s    *Server
	next plugin.Handler
}

func (querylogPlugin) Name() string { return "querylog" }

// ServeDNS implements plugin.Handler.
func (p querylogPlugin) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (rcode int, err error) {
	q := asked(ctx)
	rec := &rcodeWriter{ResponseWriter: w, rcode: -1}
	// A panic passes through here on its way to errors and is logged as what the
	// client will see.
	answered, act := dns.RcodeServerFailure, actionError
	defer func() {
		if !p.s.mayLog(q.client.Addr, q.class == identity.Admitted, q.now) {
			return
		}
		p.s.log(edge.Query{
			Time:     q.now,
			Version:  q.snap.Version(),
			Addr:     q.client.Addr,
			Name:     cmp.Or(q.name, "."),
			Type:     dns.Type(q.qtype).String(),
			Action:   string(act),
			Category: string(q.category),
			Rule:     q.rule,
			Rcode:    dns.RcodeToString[answered],
		}, q.judged)
	}()
	rcode, err = p.next.ServeDNS(ctx, rec, r)
	answered, act = rcode, q.action
	if rec.rcode >= 0 {
		answered = rec.rcode
	}
	return rcode, err
}

// rcodeWriter remembers what was answered; -1 is nothing yet.
type rcodeWriter struct {
	dns.ResponseWriter
	rcode int
}

// WriteMsg implements dns.ResponseWriter.
func (w *rcodeWriter) WriteMsg(m *dns.Msg) error {
	w.rcode = m.Rcode
	return w.ResponseWriter.WriteMsg(m)
}
