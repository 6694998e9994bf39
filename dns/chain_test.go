package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/category"
	"stairgate/dns/policy"

	"github.com/miekg/dns"
)

// The order of the chain is the architecture.
func TestChainOrder(t *testing.T) {
	c := newChain(t, nursery())
	var got []string
	for h := range slices.Values(c.config.Handlers()) {
		got = append(got, h.Name())
	}
	if want := []string{"errors", "client", "querylog", "local", "filter", "shortcut", "cache", "forward"}; !slices.Equal(got, want) {
		t.Errorf("the chain is %v, want %v", got, want)
	}
}

// Servers in one process have nothing in common.
func TestTwoServers(t *testing.T) {
	one, two := newResolver(t, "a.example. 60 IN A 198.51.100.1"), newResolver(t, "a.example. 60 IN A 198.51.100.2")
	a, b := newChain(t, nursery(one.addr)), newChain(t, nursery(two.addr))
	for _, x := range []struct {
		c    *chain
		want string
	}{{a, "198.51.100.1"}, {b, "198.51.100.2"}} {
		if got := x.c.ask(t, "staff", "a.example", dns.TypeA).Answer[0].(*dns.A).A.String(); got != x.want {
			t.Errorf("got %s, want %s", got, x.want)
		}
	}
}

type panicking struct{ category.Database }

func (panicking) Lookup(name string) category.Set {
	if strings.HasPrefix(name, "bad") {
		panic("no place for " + name)
	}
	return 0
}

// A mistake of ours costs the one query it happened in; it is logged for the school
// and reported to the operator, who learns nothing of who looked up what.
func TestPanicCostsOneQuery(t *testing.T) {
	u := newResolver(t, "good.example. 60 IN A 198.51.100.1")
	c := newChain(t, nursery(u.addr), func(o *Options) { o.Categories = panicking{} })
	for range 3 {
		if a := c.ask(t, "staff", "bad.example", dns.TypeA); a.Rcode != dns.RcodeServerFailure {
			t.Errorf("a panic was answered with %s", dns.RcodeToString[a.Rcode])
		}
		if row := c.lastRow(t); row.Name != "bad.example" || row.Action != "error" || row.Rcode != "SERVFAIL" {
			t.Errorf("the query log says %+v", row)
		}
		if a := c.ask(t, "staff", "good.example", dns.TypeA); len(a.Answer) != 1 {
			t.Errorf("after a panic: %v", a)
		}
	}
	if n := c.Counts().Panics; n != 3 {
		t.Errorf("%d panics counted, want 3", n)
	}
	if len(c.errs) != 1 {
		t.Fatalf("%d lines for the operator, want 1 a minute", len(c.errs))
	}
	for _, secret := range []string{"bad.example", "192.168.77.20"} {
		if strings.Contains(c.errs[0], secret) {
			t.Errorf("the operator's line contains %q:\n%s", secret, c.errs[0])
		}
	}
	if !strings.Contains(c.errs[0], "Lookup") {
		t.Errorf("the operator's line does not say where:\n%s", c.errs[0])
	}
}

// A panic in the policy, and one while an answer is judged, cost one query too.
func TestPanicInPolicy(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN CNAME bad.example.\nbad.example. 60 IN A 198.51.100.1")
	c := newChain(t, nursery(u.addr))
	c.decide = func(r *policy.Rules, q policy.Question) policy.Verdict {
		if q.Name == "bad.example" {
			var none []int
			_ = none[len(q.Name)]
		}
		return r.Decide(q)
	}
	for _, name := range []string{"bad.example", "a.example", "a.example"} {
		if a := c.ask(t, "staff", name, dns.TypeA); a.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: %v", name, a)
		}
	}
}

// Before the first snapshot nothing is answered; with it, at once.
func TestNoSnapshot(t *testing.T) {
	c := newChain(t, nursery())
	c.snap = nil
	if a := c.ask(t, "staff", "gate.school.internal", dns.TypeA); a.Rcode != dns.RcodeRefused {
		t.Errorf("without a snapshot: %v", a)
	}
	c.set(nursery())
	if a := c.ask(t, "staff", "gate.school.internal", dns.TypeA); len(a.Answer) != 1 {
		t.Errorf("with a snapshot: %v", a)
	}
}

// A change of policy is in force with the next query, whatever is in the cache, and
// the cache outlives it.
func TestPolicyChangesAtOnce(t *testing.T) {
	u := newResolver(t, "shop.example. 600 IN CNAME www.amazon.co.uk.\nwww.amazon.co.uk. 600 IN A 198.51.100.9")
	d := nursery(u.addr)
	c := newChain(t, d)
	resolve := func() string {
		return c.ask(t, "staff", "shop.example", dns.TypeA).Answer[len(c.ask(t, "staff", "shop.example", dns.TypeA).Answer)-1].(*dns.A).A.String()
	}
	if got := resolve(); got != "198.51.100.9" {
		t.Fatalf("open: %s", got)
	}
	closed := nursery(u.addr)
	closed.Version++
	closed.Groups[0].Categories = append(slices.Clone(closed.Groups[0].Categories), identity.Blocking(identity.Shopping)...)
	c.set(closed)
	if got := resolve(); got != "192.168.77.1" {
		t.Errorf("blocked a moment ago: %s", got)
	}
	if v := c.lastRow(t).Version; v != 8 {
		t.Errorf("logged with version %d, want that of the snapshot that decided", v)
	}
	c.set(d)
	if got := resolve(); got != "198.51.100.9" {
		t.Errorf("opened again: %s", got)
	}
	if n := len(u.seen()); n != 1 {
		t.Errorf("the resolver was asked %d times, want 1", n)
	}
}

// Twenty questions a second for a client in quarantine; its neighbours and everybody
// signed in do not notice.
func TestQuarantineRate(t *testing.T) {
	c := newChain(t, nursery())
	count := func(who string, n int) (answered int) {
		for range n {
			if c.ask(t, who, "gate.school.internal", dns.TypeA).Rcode == dns.RcodeSuccess {
				answered++
			}
		}
		return answered
	}
	if n := count("new", 100); n != 20 {
		t.Errorf("%d of 100 questions at once were answered, want 20", n)
	}
	if n := count("staff", 100); n != 100 {
		t.Errorf("signed in: %d of 100 were answered", n)
	}
	if n := count("expired", 10); n != 10 {
		t.Errorf("a neighbour: %d of 10 were answered", n)
	}
	c.wait(time.Second / 2)
	if n := count("new", 100); n != 10 {
		t.Errorf("half a second later %d were answered, want 10", n)
	}
	c.wait(-time.Hour) // the clock was wrong and is put right
	if n := count("new", 5); n != 0 {
		t.Errorf("a clock put back gave %d questions", n)
	}
	c.wait(time.Second)
	if n := count("new", 100); n != 20 {
		t.Errorf("a second after the clock was put back %d were answered, want 20", n)
	}
	if got := c.Counts().Limited; got != 80+90+5+80 {
		t.Errorf("%d counted as too many", got)
	}
	if rows := len(c.rows); rows != 20+100+10+10+20 {
		t.Errorf("%d rows logged: a flood of questions must not flood the log", rows)
	}
}

// The table of clients is bounded, also against somebody who forges addresses.
func TestRateTableIsBounded(t *testing.T) {
	l := newLimiter()
	old := netip.MustParseAddr("192.168.77.99")
	if !l.allow(old, noon) {
		t.Fatal("the first question was refused")
	}
	forged, answered := netip.MustParseAddr("10.0.0.0"), 0
	for range 3 * rateClients {
		forged = forged.Next()
		if l.allow(forged, noon) {
			answered++
		}
	}
	if len(l.buckets) > rateClients {
		t.Errorf("%d clients are remembered, want at most %d", len(l.buckets), rateClients)
	}
	if answered > rateClients+rateAllowed {
		t.Errorf("%d forged questions were answered", answered)
	}
	if !l.allow(old, noon) {
		t.Error("a client that was there before is refused")
	}
	if !l.allow(netip.MustParseAddr("192.168.77.98"), noon.Add(2*time.Second)) {
		t.Error("a newcomer is refused although everybody else fell silent")
	}
}

// An answer to a client in quarantine has 512 bytes at most, whatever it can take.
func TestQuarantineAnswersAreSmall(t *testing.T) {
	var zone strings.Builder
	for i := range 120 {
		fmt.Fprintf(&zone, "many.example. 60 IN A 198.51.100.%d\n", i+1)
	}
	u := newResolver(t, zone.String())
	c := newChain(t, nursery(u.addr))
	for _, tcp := range []bool{false, true} {
		for _, size := range []uint16{0, 512, 1232, 65535} {
			r := new(dns.Msg).SetQuestion("many.example.", dns.TypeA)
			if size > 0 {
				r.SetEdns0(size, true)
				r.IsEdns0().Option = append(r.IsEdns0().Option, &dns.EDNS0_COOKIE{Cookie: "0102030405060708"}, &dns.EDNS0_NSID{})
			}
			a := c.query(t, people["new"], tcp, r)
			if a.size > narrowSize || len(a.Answer) == 0 {
				t.Errorf("tcp=%v, buffer %d: %d bytes, %d records", tcp, size, a.size, len(a.Answer))
			}
			if tcp == a.Truncated {
				t.Errorf("tcp=%v, buffer %d: TC=%v", tcp, size, a.Truncated)
			}
		}
	}
	r := new(dns.Msg).SetQuestion("many.example.", dns.TypeA)
	if a := c.query(t, people["staff"], true, r); len(a.Answer) != 120 {
		t.Errorf("signed in and over TCP: %d records of 120", len(a.Answer))
	}
}

// Many at once; the race detector looks on.
func TestConcurrentQueries(t *testing.T) {
	u := newResolver(t, `ech.example. 60 IN HTTPS 1 . alpn=h2 ech=AAAA
www.bet365.com. 60 IN A 198.51.100.65
a.example. 60 IN CNAME www.bet365.com.`)
	c := newChain(t, nursery(u.addr))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			who := []string{"staff", "open", "child", "guest"}[i%4]
			for range 50 {
				if a := c.ask(t, who, "ech.example", dns.TypeHTTPS); strings.Contains(a.String(), "ech=") {
					t.Error("keys got through:", a)
				}
				a := c.ask(t, who, "a.example", dns.TypeA)
				wantBlocked := who == "staff" || who == "child"
				if got := a.Answer[len(a.Answer)-1].(*dns.A).A.String() == "192.168.77.1"; got != wantBlocked {
					t.Errorf("%s: %v", who, a)
				}
			}
		})
	}
	wg.Wait()
}
