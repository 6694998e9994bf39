package dns

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stairgate/config/edge"
	"stairgate/dns/policy"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// What the chain answers the fast path must answer as well, or leave alone. So every
// question a test asks the chain is asked the fast path too, which by then knows what
// the resolver said.

// answeredFast counts the questions that were answered both ways, over all tests.
var answeredFast atomic.Int64

// answerFast asks the fast path; nil is left to the chain, and missed is what it tells it.
func answerFast(t testing.TB, s *Server, from netip.Addr, b []byte) (a *answer, missed bool) {
	t.Helper()
	before := slices.Clone(b)
	out := make([]byte, maxReply)
	w := newWorker(s)
	n := w.answer(s.view(), b, from, s.opt.Now(), out)
	if !slices.Equal(before, b) {
		t.Fatalf("the question was changed: %x became %x", before, b)
	}
	if n == 0 {
		return nil, w.missed
	}
	m := new(dns.Msg)
	if err := m.Unpack(out[:n]); err != nil {
		t.Fatalf("the fast path wrote what cannot be read: %v\n%x", err, out[:n])
	}
	// Nothing stands behind the message.
	if again, err := m.Pack(); err == nil {
		m2 := new(dns.Msg)
		if m2.Unpack(again) != nil || m2.String() != m.String() {
			t.Fatalf("%v becomes %v", m, m2)
		}
	}
	answeredFast.Add(1)
	return &answer{m, n}, false
}

// compare asks the fast path what the chain has just answered, without leaving a trace
// in the chain's log and limits.
func (c *chain) compare(t testing.TB, from netip.Addr, b []byte, want *answer) {
	t.Helper()
	var rows []edge.Query
	o := c.opt
	o.Log, o.Error = func(q edge.Query) { rows = append(rows, q) }, func(string) {}
	shadow := &Server{opt: o, decide: c.decide, answers: c.answers, tunnel: c.tunnel, limit: newLimiter()}
	got, _ := answerFast(t, shadow, from, b)
	if got == nil {
		return
	}
	if want == nil {
		t.Fatalf("the chain answers nothing, the fast path\n%v", got)
	}
	if d := cmp.Diff(plain(want.Msg), plain(got.Msg)); d != "" {
		t.Errorf("the two ways differ (-chain +fast):\n%s", d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range rows {
		if !slices.Contains(c.rows, r) && len(c.rows) > 0 {
			t.Errorf("the fast path logs\n%+v\nthe chain\n%+v", r, c.rows[len(c.rows)-1])
		}
	}
}

// plain is a message without what may differ: the times, which are checked to be near
// one another elsewhere, and the case of letters behind the question.
func plain(m *dns.Msg) string {
	var b strings.Builder
	h := m.MsgHdr
	b.WriteString(h.String() + m.Question[0].String() + "\n")
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		b.WriteString("--\n")
		for _, rr := range section {
			if rr.Header().Rrtype != dns.TypeOPT {
				rr = dns.Copy(rr)
				rr.Header().Ttl = 0
			}
			b.WriteString(strings.ToLower(rr.String()) + "\n")
		}
	}
	return b.String()
}

// TestBothWays asks what a school asks and what an attacker would, from everybody, with
// every option a question can have.
func TestBothWays(t *testing.T) {
	var zone strings.Builder
	for i := range 40 {
		fmt.Fprintf(&zone, "many.example. 60 IN A 198.51.100.%d\n", i+1)
	}
	u := newResolver(t, zone.String()+`www.example.com. 300 IN A 198.51.100.80
www.example.com. 300 IN AAAA 2001:db8::80
www.example.com. 300 IN HTTPS 1 . alpn=h2 ech=AAAA ipv4hint=198.51.100.80
www.example.com. 300 IN TXT "a text" "another"
example.com. 300 IN MX 10 mail.example.com.
_sip._tcp.example.com. 300 IN SRV 0 0 5060 sip.example.com.
a.example. 300 IN CNAME b.example.
b.example. 200 IN CNAME C.Example.
c.example. 100 IN A 198.51.100.81
cloaked.example. 300 IN CNAME www.bet365.com.
www.bet365.com. 300 IN A 198.51.100.65
captive.apple.com. 300 IN CNAME www.bet365.com.
odd.example. 300 IN CNAME a\\.b.example.
a\\.b.example. 300 IN A 198.51.100.82
in.example. 300 IN A 10.0.0.1
files.intranet.example. 300 IN A 10.0.0.2
service.example. 300 IN HTTPS 0 www.pornhub.com.
zero.example. 0 IN A 198.51.100.83
uk. 300 IN NS nsa.nic.uk.
1.100.51.198.in-addr.arpa. 300 IN PTR x.example.`)
	c := newChain(t, nursery(u.addr))
	names := strings.Fields(`many.example www.example.com example.com _sip._tcp.example.com a.example b.example cloaked.example
		www.bet365.com bet365.com x.y.z.bet365.com www.pornhub.com www.facebook.com www.minecraft.net www.amazon.co.uk captive.apple.com
		odd.example a\.b.example in.example files.intranet.example service.example zero.example nothing.example uk . localhost wpad
		gate.school.internal printer.school.internal school.internal other.internal use-application-dns.net x.mask.icloud.com
		_dns.resolver.arpa portal.littleacorns.example 1.100.51.198.in-addr.arpa 5.77.168.192.in-addr.arpa
		aaaabbbbccccddddeeeeffffgggghhhhiiiijjjjk.tunnel.example`)
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeTXT, dns.TypeMX, dns.TypeSRV, dns.TypeNS, dns.TypePTR, dns.TypeANY, dns.TypeAXFR, dns.TypeCNAME, dns.TypeDS, 65280}
	who := []string{"staff", "child", "tech", "open", "expired", "lost", "new", "guest", "stranger"}
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	before := answeredFast.Load()
	const questions = 6000
	for i := range questions {
		if i%8 == 0 {
			c.wait(time.Second / 10) // the limit of those in quarantine
		}
		r := new(dns.Msg).SetQuestion(dns.Fqdn(mixCase(rnd, names[rnd.IntN(len(names))])), types[rnd.IntN(len(types))])
		r.RecursionDesired, r.AuthenticatedData, r.CheckingDisabled = rnd.IntN(8) > 0, rnd.IntN(4) == 0, rnd.IntN(8) == 0
		if rnd.IntN(2) == 0 {
			r.SetEdns0([]uint16{0, 100, 512, 700, 1232, 4096, 65535}[rnd.IntN(7)], rnd.IntN(4) == 0)
			switch rnd.IntN(8) {
			case 0:
				r.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Cookie: "0102030405060708"}, &dns.EDNS0_PADDING{Padding: make([]byte, 20)}}
			case 1:
				r.IsEdns0().SetVersion(1)
			case 2:
				r.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")}}
			}
		}
		c.query(t, people[who[rnd.IntN(len(who))]], false, r)
		if t.Failed() {
			t.Fatalf("the question was\n%v", r)
		}
	}
	if n := answeredFast.Load() - before; n < questions/4 {
		t.Errorf("the fast path answered %d of %d questions", n, questions)
	}
}

func mixCase(rnd *rand.Rand, name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 'a' && c <= 'z' && rnd.IntN(4) == 0 {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// Nothing of ours that may change is remembered longer than ten seconds.
func TestShortTimes(t *testing.T) {
	u := newResolver(t, "forcesafesearch.google.com. 3600 IN A 198.51.100.2\ncloaked.example. 3600 IN CNAME www.bet365.com.")
	c := newChain(t, nursery(u.addr))
	for _, c.fast = range []bool{false, true} {
		for _, q := range []struct{ who, name string }{
			{"staff", "www.bet365.com"}, {"staff", "cloaked.example"}, {"pupil", "www.google.com"}, {"pupil", "search.yahoo.com"}, {"pupil", "www.amazon.co.uk"},
		} {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeTXT} {
				a := c.ask(t, q.who, q.name, qtype)
				for _, rr := range slices.Concat(a.Answer, a.Ns) {
					if rr.Header().Ttl > 10 {
						t.Errorf("fast=%v: %s asks %s: %v", c.fast, q.who, q.name, rr)
					}
				}
			}
		}
	}
}

// What is kept ages on the fast path as it does in the chain, and ends.
func TestKeptAnswersAge(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN CNAME b.example.\nb.example. 60 IN A 198.51.100.1")
	c := newChain(t, nursery(u.addr))
	c.ask(t, "staff", "a.example", dns.TypeA)
	c.fast = true
	before := answeredFast.Load()
	for _, want := range []uint32{60, 50, 40, 30, 20, 10} {
		for _, rr := range c.ask(t, "child", "a.example", dns.TypeA).Answer {
			if got := rr.Header().Ttl; got != want {
				t.Errorf("%d s left, want %d", got, want)
			}
		}
		c.wait(10 * time.Second)
	}
	if n := answeredFast.Load() - before; n != 6 {
		t.Errorf("%d answered fast, want 6", n)
	}
	c.ask(t, "child", "a.example", dns.TypeA)
	if n := answeredFast.Load() - before; n != 6 {
		t.Error("answered from what has expired")
	}
}

// Names that carry data out are stopped, also where the answer is kept.
func TestTunnel(t *testing.T) {
	var zone strings.Builder
	name := func(i int) string {
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		return fmt.Sprintf("%016x%016x%016x.tunnel.example", rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
	}
	for i := range 200 {
		fmt.Fprintf(&zone, "%s. 600 IN A 198.51.100.1\n", name(i))
	}
	u := newResolver(t, zone.String()+"www.example.com. 600 IN A 198.51.100.2")
	c := newChain(t, nursery(u.addr))
	stopped := -1
	for i := 0; i < 200 && stopped < 0; i++ {
		if c.ask(t, "staff", name(i), dns.TypeA); c.lastRow(t).Action == "block" {
			stopped = i
		}
	}
	if stopped < 0 || c.lastRow(t).Rule != policy.RuleTunnel {
		t.Fatalf("200 names got out: %+v", c.lastRow(t))
	}
	c.fast = true
	for i := range 5 {
		if c.ask(t, "staff", name(i), dns.TypeA); c.lastRow(t).Rule != policy.RuleTunnel {
			t.Errorf("an old name of the tunnel: %+v", c.lastRow(t))
		}
	}
	if c.ask(t, "child", name(0), dns.TypeA); c.lastRow(t).Action != "allow" {
		t.Errorf("a neighbour: %+v", c.lastRow(t))
	}
	if c.ask(t, "staff", "www.example.com", dns.TypeA); c.lastRow(t).Action != "allow" {
		t.Errorf("another domain: %+v", c.lastRow(t))
	}
}

// A flood does not flood the log; what was left out is counted.
func TestLogIsBounded(t *testing.T) {
	lost := 0
	c := newChain(t, nursery(), func(o *Options) { o.Lost = func() { lost++ } })
	c.fast = true
	const flood = 3 * logAllowed
	for range flood {
		c.ask(t, "staff", "www.bet365.com", dns.TypeA)
	}
	if len(c.rows) != logAllowed-logKept || lost != flood-len(c.rows) {
		t.Errorf("%d rows, %d lost of %d", len(c.rows), lost, flood)
	}
	c.wait(time.Second)
	before := len(c.rows)
	c.ask(t, "staff", "www.bet365.com", dns.TypeA)
	if len(c.rows) != before+1 {
		t.Error("a second later nothing is logged")
	}
}

// A flood from one device, or from devices nobody knows, hides nothing of what another
// device asks, by either way.
func TestAFloodHidesNobody(t *testing.T) {
	u := newResolver(t, "a.example. 3600 IN A 198.51.100.80")
	c := newChain(t, nursery(u.addr))
	for _, fast := range []bool{true, false} {
		c.fast = fast
		c.wait(time.Minute)
		for range 2 * logAllowed {
			c.mayLog(people["staff"], true, c.opt.Now())
		}
		for i := range 8 * logAllowed {
			c.mayLog(netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)}), false, c.opt.Now())
		}
		for i := range logModest / 2 {
			before := len(c.rows)
			c.ask(t, "child", "www.bet365.com", dns.TypeA)
			if len(c.rows) != before+1 {
				t.Fatalf("fast %v: question %d is not in the log", fast, i)
			}
		}
	}
}

// The fast path makes no garbage.
func TestFastAllocatesNothing(t *testing.T) {
	u := newResolver(t, "a.example. 3600 IN CNAME b.example.\nb.example. 3600 IN A 198.51.100.80")
	c := newChain(t, nursery(u.addr), func(o *Options) { o.Log = func(edge.Query) {} })
	w, v, out := newWorker(c.Server), c.view(), make([]byte, maxReply)
	for _, q := range []string{"a.example", "www.bet365.com"} {
		c.ask(t, "staff", q, dns.TypeA)
		r := new(dns.Msg).SetQuestion(dns.Fqdn(q), dns.TypeA)
		r.SetEdns0(1232, false)
		b, err := r.Pack()
		if err != nil {
			t.Fatal(err)
		}
		now := noon
		n := testing.AllocsPerRun(20000, func() {
			// Slowly enough that the list of each row is not looked for.
			if w.answer(v, b, people["staff"], now, out) == 0 {
				t.Fatal("left to the chain")
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", q, n)
		}
	}
}

// A client in quarantine has twenty questions a second on the fast path too, and those
// it does not get answered are not logged.
func TestQuarantineRateFast(t *testing.T) {
	u := newResolver(t, "www.example.com. 600 IN A 198.51.100.80")
	c := newChain(t, nursery(u.addr))
	c.ask(t, "staff", "www.example.com", dns.TypeA)
	c.fast, c.rows = true, nil
	before, answered := answeredFast.Load(), 0
	for i := range 100 {
		if c.ask(t, "new", []string{"www.example.com", "www.pornhub.com"}[i%2], dns.TypeA).Rcode == dns.RcodeSuccess {
			answered++
		}
	}
	if answered != rateAllowed || len(c.rows) != rateAllowed {
		t.Errorf("%d answered and %d logged of 100", answered, len(c.rows))
	}
	if n := answeredFast.Load() - before; n != 100 {
		t.Errorf("%d left the fast path", 100-n)
	}
	if c.Counts().Limited != 80 {
		t.Errorf("%d counted as too many", c.Counts().Limited)
	}
}

// An exception that is withdrawn is gone, whatever was answered under it; so is what an
// opened name led to.
func TestNothingKeptUnderAnException(t *testing.T) {
	u := newResolver(t, "files.intranet.example. 600 IN A 10.0.0.2\na.example. 600 IN CNAME www.bet365.com.\nwww.bet365.com. 600 IN A 198.51.100.65")
	c := newChain(t, nursery(u.addr))
	c.ask(t, "staff", "files.intranet.example", dns.TypeA)
	c.ask(t, "open", "a.example", dns.TypeA)
	c.fast = true
	d := nursery(u.addr)
	d.Version++
	d.RebindAllow = nil
	c.set(d)
	for _, name := range []string{"files.intranet.example", "a.example"} {
		if got := c.ask(t, "staff", name, dns.TypeA).Answer[0].(*dns.A).A.String(); got != "192.168.77.1" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
