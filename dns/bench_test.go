package dns

import (
	"context"
	"testing"

	"stairgate/config/edge"

	"github.com/miekg/dns"
)

// BenchmarkChain is a query through the whole chain, packed and all, without sockets.
func BenchmarkChain(b *testing.B) {
	u := newResolver(b, "www.example.com. 3600 IN A 198.51.100.80")
	c := newChain(b, nursery(u.addr), func(o *Options) { o.Log = nil })
	for name, q := range map[string]string{"cached": "www.example.com.", "blocked": "www.bet365.com.", "local": "gate.school.internal."} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &wire{t: b, from: people["staff"]}
				c.core.ServeDNS(context.Background(), w, new(dns.Msg).SetQuestion(q, dns.TypeA))
				if w.got == nil {
					b.Fatal("no answer")
				}
			}
		})
	}
}

// BenchmarkFast is a query on the fast path, without sockets. It allocates nothing; the
// memory of the names in the log is one piece for a thousand of them.
func BenchmarkFast(b *testing.B) {
	u := newResolver(b, "www.example.com. 3600 IN A 198.51.100.80\ncdn.example. 3600 IN CNAME x.cdn.example.\nx.cdn.example. 3600 IN A 198.51.100.81")
	c := newChain(b, nursery(u.addr), func(o *Options) { o.Log = func(edge.Query) {} })
	out := make([]byte, maxReply)
	for name, q := range map[string]string{"cached": "www.example.com.", "alias": "cdn.example.", "blocked": "www.bet365.com."} {
		b.Run(name, func(b *testing.B) {
			r := new(dns.Msg).SetQuestion(q, dns.TypeA)
			c.core.ServeDNS(context.Background(), &wire{t: b, from: people["staff"]}, r)
			packet, err := new(dns.Msg).SetQuestion(q, dns.TypeA).Pack()
			if err != nil {
				b.Fatal(err)
			}
			w, v := newWorker(c.Server), c.view()
			b.ReportAllocs()
			for b.Loop() {
				if w.answer(v, packet, people["staff"], noon, out) == 0 {
					b.Fatal("left to the chain")
				}
			}
		})
	}
}
