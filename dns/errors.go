package dns

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// errorsPlugin makes a panic cost one query, and says so to the operator without
// saying who looked up what.
type errorsPlugin struct {
	s    *Server
	next plugin.Handler
}

func (errorsPlugin) Name() string { return "errors" }

// ServeDNS implements plugin.Handler. SERVFAIL makes CoreDNS write the answer.
func (p errorsPlugin) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (rcode int, err error) {
	defer func() {
		if v := recover(); v != nil {
			p.s.counts.panics.Add(1)
			p.s.report(fmt.Sprintf("a query caused a mistake of ours and was answered with SERVFAIL (%d so far): %s\n%s",
				p.s.counts.panics.Load(), harmless(v), debug.Stack()))
			rcode, err = dns.RcodeServerFailure, nil
		}
	}()
	p.s.counts.queries.Add(1)
	rcode, err = p.next.ServeDNS(ctx, w, r)
	if err != nil {
		p.s.report(fmt.Sprintf("a query failed: %v", err))
	}
	return rcode, err
}

// harmless describes the value of a panic. The run-time's own errors hold numbers
// and types; anything else might hold the name somebody looked up.
func harmless(v any) string {
	if e, ok := v.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("a value of type %T", v)
}

// report gives a line to the operator, at most one a minute.
func (s *Server) report(line string) {
	now := time.Now().Unix()
	last := s.lastError.Load()
	if now-last >= 60 && s.lastError.CompareAndSwap(last, now) {
		s.opt.Error(line)
	}
}
