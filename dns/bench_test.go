package dns

import (
	"context"
	"testing"

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
