package dns

import (
	"testing"

	"github.com/miekg/dns"
)

// FuzzChain sends any packet from anybody, both ways. Whatever it is, the chain answers
// at most once, with something that can be packed, without a panic, and a client that
// may not have it never gets a blocked name's address, an inward one or more than 512
// bytes; and the fast path answers the same or leaves it alone.
func FuzzChain(f *testing.F) {
	u := newResolver(f, `www.bet365.com. 60 IN A 198.51.100.65
a.example. 60 IN CNAME www.bet365.com.
in.example. 60 IN A 10.0.0.1
ech.example. 60 IN HTTPS 1 . ech=AAAA ipv4hint=10.0.0.1`)
	c := newChain(f, nursery(u.addr))
	for _, name := range []string{"www.bet365.com.", "a.example.", "in.example.", "ech.example.", "gate.school.internal.", "mask.icloud.com.", ".", "5.77.168.192.in-addr.arpa.", `\000.example.`} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeHTTPS, dns.TypePTR, dns.TypeANY, dns.TypeDS, 65280} {
			m := new(dns.Msg).SetQuestion(name, qtype)
			m.SetEdns0(4096, true)
			b, _ := m.Pack()
			f.Add(b, uint8(qtype))
		}
	}
	who := []string{"staff", "new", "child", "guest", "stranger", "lost"}
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		asker := who[int(n)%len(who)]
		r := new(dns.Msg)
		if len(b) > maxQuery || r.Unpack(b) != nil || r.Response || len(r.Question) == 0 {
			// The DNS library drops these before they reach the chain.
			if len(b) <= maxQuery {
				if a, _ := answerFast(t, c.Server, people[asker], b); a != nil {
					t.Fatalf("the fast path answers %x", b)
				}
			}
			return
		}
		panics := c.Counts().Panics
		c.wait(1e9)
		got := c.packet(t, people[asker], n&128 != 0, b)
		if c.Counts().Panics != panics {
			t.Fatalf("a panic:\n%s", c.errs)
		}
		if got == nil {
			return
		}
		if asker == "new" && got.size > narrowSize {
			t.Fatalf("%d bytes in quarantine", got.size)
		}
		for _, rr := range got.Answer {
			switch rr := rr.(type) {
			case *dns.A:
				if a := rr.A.String(); a == "10.0.0.1" || a == "198.51.100.65" && asker != "new" && asker != "guest" {
					t.Fatalf("%s was told %s", asker, a)
				}
			case *dns.HTTPS:
				for _, v := range rr.Value {
					if isECH(v) {
						t.Fatal("keys got through")
					}
				}
			}
		}
	})
}
