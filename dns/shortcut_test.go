package dns

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Nobody can tell whether an answer came by the cache or past it, neither from the answer
// nor by the log.
func TestBothWaysPastTheCache(t *testing.T) {
	const zone = `a.example. 60 IN A 198.51.100.1
zero.example. 0 IN A 198.51.100.1
short.example. 3 IN A 198.51.100.1
long.example. 100000 IN A 198.51.100.1
mixed.example. 300 IN CNAME b.example.
b.example. 20 IN A 198.51.100.1
b.example. 7200 IN AAAA 2001:db8::1
cloaked.example. 60 IN CNAME www.bet365.com.
inside.example. 60 IN A 192.168.77.9
ech.example. 60 IN HTTPS 1 . alpn=h2 ech=AAAA
signed.example. 60 IN A 198.51.100.1
signed.example. 60 IN RRSIG A 8 2 60 20010101000000 20000101000000 1 example. AAAA`
	names := []string{"gone.example.", "refused.example.", "failed.example.", "brief.example.", "dangling.example.", "A.Example."}
	for line := range strings.Lines(zone) {
		names = append(names, strings.Fields(line)[0])
	}
	u := newResolver(t, zone)
	u.answers(func(w dns.ResponseWriter, r *dns.Msg) bool {
		m := new(dns.Msg).SetReply(r)
		m.Ns = []dns.RR{soa("example.", 2)}
		switch r.Question[0].Name {
		case "refused.example.":
			m.Rcode = dns.RcodeRefused
		case "failed.example.":
			m.Rcode = dns.RcodeServerFailure
		case "brief.example.":
			m.Rcode = dns.RcodeNameError
		case "dangling.example.":
			rr, _ := dns.NewRR("dangling.example. 2 IN CNAME nothing.example.")
			m.Answer = []dns.RR{rr}
		default:
			return false
		}
		_ = w.WriteMsg(m)
		return true
	})
	for _, flags := range []int{0, 1, 4, 7} {
		for _, name := range names {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS} {
				r := new(dns.Msg).SetQuestion(name, qtype)
				r.AuthenticatedData, r.CheckingDisabled = flags&1 != 0, flags&2 != 0
				r.SetEdns0(1232, flags&4 != 0)
				for _, who := range []string{"staff", "new"} {
					var got [2]string
					for i, ctx := range []context.Context{t.Context(), withMissed(t.Context())} {
						c := newChain(t, nursery(u.addr)) // an answer in the cache grows old
						w := &wire{t: t, from: people[who]}
						c.core.ServeDNS(ctx, w, r.Copy())
						got[i] = fmt.Sprintf("%v%s", w.got, row(c.lastRow(t)))
					}
					if got[0] != got[1] {
						t.Errorf("%s asks %s %s, flags %b:\nby the cache %s\npast it %s", who, name, dns.Type(qtype), flags, got[0], got[1])
					}
				}
			}
		}
	}
}

// What the fast path keeps needs no second place, and what it does not keep is asked
// twice at most.
func TestTheResolverIsNotAskedAgain(t *testing.T) {
	u := newResolver(t, `plain.example. 60 IN A 198.51.100.1
cloaked.example. 60 IN CNAME www.bet365.com.
www.bet365.com. 60 IN A 198.51.100.1
inside.example. 60 IN A 192.168.77.9
forcesafesearch.google.com. 60 IN A 198.51.100.2`)
	c := newChain(t, nursery(u.addr))
	c.fast = true
	for range 6 {
		for _, name := range []string{"plain.example", "cloaked.example", "inside.example", "gone.example"} {
			c.ask(t, "staff", name, dns.TypeA)
		}
		c.ask(t, "pupil", "www.google.com", dns.TypeA)
	}
	times := make(map[string]int)
	for _, q := range u.seen() {
		times[strings.Fields(q)[0]]++
	}
	for name, most := range map[string]int{
		"plain.example.": 1, "gone.example.": 1, "forcesafesearch.google.com.": 1, "cloaked.example.": 2, "inside.example.": 2,
	} {
		if n := times[name]; n == 0 || n > most {
			t.Errorf("%s was asked %d times, want %d at most", name, n, most)
		}
	}
}

// Whoever comes by TCP, where no worker looked into the store, finds in the cache what he
// always found.
func TestTheCacheIsStillThere(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN A 198.51.100.1")
	c := newChain(t, nursery(u.addr))
	r := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	for range 3 {
		if a := c.query(t, people["staff"], true, r); len(a.Answer) != 1 {
			t.Errorf("%v", a)
		}
	}
	if n := len(u.seen()); n != 1 {
		t.Errorf("the resolver was asked %d times", n)
	}
}
