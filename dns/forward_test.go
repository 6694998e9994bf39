package dns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Fail closed: no answer from the school's resolvers is SERVFAIL with a reason, and
// nobody else is asked.
func TestNobodyElseIsAsked(t *testing.T) {
	bystander := newResolver(t, "www.example.com. 60 IN A 198.51.100.66")
	closed := newResolver(t, "")
	gone := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 1) // nobody listens

	for name, x := range map[string]struct {
		list []netip.AddrPort
		code uint16
		text string
	}{
		"none configured": {nil, 22, "No resolver is configured"},
		"silent":          {[]netip.AddrPort{silentPort(t)}, 22, "does not answer. Is the broadband line up?"},
		"unreachable":     {[]netip.AddrPort{gone, gone}, 23, "2 resolvers do not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChain(t, nursery(x.list...))
			a := c.ask(t, "staff", "www.example.com", dns.TypeA)
			code, text, _ := ede(a.Msg)
			if a.Rcode != dns.RcodeServerFailure || code != x.code || !strings.Contains(text, x.text) {
				t.Errorf("%v", a)
			}
			if row := c.lastRow(t); row.Action != "error" || row.Rcode != "SERVFAIL" {
				t.Errorf("logged as %+v", row)
			}
			if c.Counts().Failed != 1 {
				t.Errorf("%+v", c.Counts())
			}
		})
	}
	t.Cleanup(func() {
		if n := len(bystander.seen()) + len(closed.seen()); n > 0 {
			t.Errorf("a resolver nobody configured was asked %d times", n)
		}
	})
}

// The next resolver is asked when one fails, and the one that failed is asked last
// for a while, and again when it is well.
func TestFailover(t *testing.T) {
	first, second := silentPort(t), newResolver(t, "a.example. 0 IN A 198.51.100.2\nb.example. 60 IN A 198.51.100.2\nc.example. 60 IN A 198.51.100.2")
	c := newChain(t, nursery(first, second.addr))
	for _, name := range []string{"a.example", "b.example"} {
		if a := c.ask(t, "staff", name, dns.TypeA); len(a.Answer) != 1 {
			t.Fatalf("%s: %v", name, a)
		}
	}
	order, healthy := c.upstreams.order([]netip.AddrPort{first, second.addr}, time.Now())
	if !healthy || order[0] != second.addr {
		t.Errorf("after two failures the order is %v", order)
	}
	start := time.Now()
	c.ask(t, "staff", "c.example", dns.TypeA)
	if took := time.Since(start); took > patience/2 {
		t.Errorf("the third question took %v: it waited for the silent resolver", took)
	}
	order, _ = c.upstreams.order([]netip.AddrPort{first, second.addr}, time.Now().Add(penalty))
	if order[0] != first {
		t.Errorf("when the penalty is over the order is %v, want that of the configuration", order)
	}
	c.upstreams.note(first, nil, time.Now(), time.Now())
	if order, _ = c.upstreams.order([]netip.AddrPort{first, second.addr}, time.Now()); order[0] != first {
		t.Errorf("a resolver that answered is still last: %v", order)
	}
}

// Names whose owner never answers, which anybody can make up, do not put a resolver last
// that answers everything else.
func TestSlowNamesAreNoFailureOfTheResolver(t *testing.T) {
	var list []netip.AddrPort
	for range 2 {
		u := newResolver(t, "good.example. 60 IN A 198.51.100.2")
		u.answers(func(_ dns.ResponseWriter, r *dns.Msg) bool {
			return strings.HasPrefix(r.Question[0].Name, "slow") // says nothing
		})
		list = append(list, u.addr)
	}
	u := newUpstreams()
	resolve := func(ctx context.Context, name string) bool {
		m, _ := u.resolve(ctx, passenger{member: true}, list, new(dns.Msg).SetQuestion(name, dns.TypeA))
		return m != nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience+patience/2)
	defer cancel()
	var slow sync.WaitGroup
	for i := range 2 * strikes {
		slow.Go(func() {
			if resolve(ctx, fmt.Sprintf("slow%d.example.", i)) {
				t.Error("a name without an owner was answered")
			}
		})
	}
	school := time.NewTicker(50 * time.Millisecond)
	defer school.Stop()
	for ; ctx.Err() == nil; <-school.C {
		if !resolve(t.Context(), "good.example.") {
			t.Fatal("a good name was not answered")
		}
	}
	slow.Wait()
	if order, healthy := u.order(list, time.Now()); !healthy || order[0] != list[0] {
		t.Errorf("the order is %v, all ailing: %v", order, !healthy)
	}
}

// A resolver that says it cannot is not the last word, but when all say so it is
// their answer that is given.
func TestPoorAnswers(t *testing.T) {
	for _, rcode := range []int{dns.RcodeRefused, dns.RcodeServerFailure, dns.RcodeNotImplemented} {
		bad, good := newResolver(t, ""), newResolver(t, "a.example. 60 IN A 198.51.100.2")
		bad.answers(func(w dns.ResponseWriter, r *dns.Msg) bool {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(r, rcode))
			return true
		})
		c := newChain(t, nursery(bad.addr, good.addr))
		if a := c.ask(t, "staff", "a.example", dns.TypeA); len(a.Answer) != 1 {
			t.Errorf("%v", a)
		}
		c.set(nursery(bad.addr))
		if a := c.ask(t, "staff", "b.example", dns.TypeA); a.Rcode != rcode {
			t.Errorf("%v", a)
		}
		if row := c.lastRow(t); row.Action != "error" || row.Rcode != dns.RcodeToString[rcode] {
			t.Errorf("logged as %+v", row)
		}
		bad.answers(nil)
		bad.know(t, "b.example. 60 IN A 198.51.100.2")
		if a := c.ask(t, "staff", "b.example", dns.TypeA); len(a.Answer) != 1 {
			t.Errorf("a resolver that is well again is not noticed: %v", a)
		}
	}
}

// A resolver that is back is noticed with the next question: failures are not cached.
func TestResolverComesBack(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN A 198.51.100.2")
	gone := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 1)
	c := newChain(t, nursery(gone))
	if a := c.ask(t, "staff", "a.example", dns.TypeA); a.Rcode != dns.RcodeServerFailure {
		t.Fatalf("%v", a)
	}
	c.set(nursery(u.addr))
	if a := c.ask(t, "staff", "a.example", dns.TypeA); len(a.Answer) != 1 {
		t.Errorf("%v", a)
	}
}

// A long answer is fetched over TCP, and cut to what the client can take.
func TestLongAnswers(t *testing.T) {
	var zone strings.Builder
	for i := range 200 {
		fmt.Fprintf(&zone, "many.example. 60 IN A 198.51.100.%d\n", i+1)
	}
	u := newResolver(t, zone.String())
	c := newChain(t, nursery(u.addr))
	r := new(dns.Msg).SetQuestion("many.example.", dns.TypeA)
	if a := c.query(t, people["staff"], false, r); !a.Truncated || a.size > 512 {
		t.Errorf("over UDP: TC=%v, %d bytes", a.Truncated, a.size)
	}
	if a := c.query(t, people["staff"], true, r); a.Truncated || len(a.Answer) != 200 {
		t.Errorf("over TCP: TC=%v, %d records of 200", a.Truncated, len(a.Answer))
	}
	if n := len(u.seen()); n != 2 {
		t.Errorf("asked %d times, want once over UDP and once over TCP", n)
	}
}

// A resolver from before EDNS gets the question without it.
func TestResolverWithoutEDNS(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN A 198.51.100.2")
	u.answers(func(w dns.ResponseWriter, r *dns.Msg) bool {
		if r.IsEdns0() == nil {
			return false
		}
		_ = w.WriteMsg(new(dns.Msg).SetRcode(r, dns.RcodeFormatError))
		return true
	})
	c := newChain(t, nursery(u.addr))
	if a := c.ask(t, "staff", "a.example", dns.TypeA); len(a.Answer) != 1 {
		t.Errorf("%v", a)
	}
}

// Answers to another question, or with another number, are nobody's answer.
func TestForgedAnswers(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN A 198.51.100.2")
	forge := func(change func(m *dns.Msg)) func(dns.ResponseWriter, *dns.Msg) bool {
		return func(w dns.ResponseWriter, r *dns.Msg) bool {
			m := new(dns.Msg).SetReply(r)
			rr, _ := dns.NewRR("a.example. 60 IN A 198.51.100.66")
			m.Answer = []dns.RR{rr}
			change(m)
			_ = w.WriteMsg(m)
			return true
		}
	}
	for name, change := range map[string]func(m *dns.Msg){
		"another name":  func(m *dns.Msg) { m.Question[0].Name = "b.example." },
		"another type":  func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		"no question":   func(m *dns.Msg) { m.Question = nil },
		"not an answer": func(m *dns.Msg) { m.Response = false },
	} {
		u.answers(forge(change))
		c := newChain(t, nursery(u.addr))
		if a := c.ask(t, "staff", "a.example", dns.TypeA); a.Rcode != dns.RcodeServerFailure || len(a.Answer) > 0 {
			t.Errorf("%s: %v", name, a)
		}
	}
}

// Nothing of the client's goes out with the question: its EDNS options may say who
// it is, or pretend to.
func TestOutgoingQuestion(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN A 198.51.100.2")
	got := make(chan *dns.Msg, 1)
	u.answers(func(_ dns.ResponseWriter, r *dns.Msg) bool { got <- r.Copy(); return false })
	c := newChain(t, nursery(u.addr))
	r := new(dns.Msg).SetQuestion("A.Example.", dns.TypeA)
	r.Id = 77
	r.RecursionDesired = false
	r.SetEdns0(4096, true)
	r.IsEdns0().Option = []dns.EDNS0{
		&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: people["staff"].AsSlice()},
		&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("who I am")},
	}
	c.query(t, people["staff"], false, r)
	m := <-got
	if o := m.IsEdns0(); len(o.Option) != 0 || o.UDPSize() != 1232 || !o.Do() {
		t.Errorf("options: %v", o)
	}
	if m.Question[0].Name != "a.example." || !m.RecursionDesired {
		t.Errorf("%v", m)
	}
}
