package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ports makes a resolver remember from where it was asked.
func ports(u *resolver) (seen func() []netip.AddrPort) {
	var mu sync.Mutex
	var all []netip.AddrPort
	u.answers(func(w dns.ResponseWriter, _ *dns.Msg) bool {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, netip.MustParseAddrPort(w.RemoteAddr().String()))
		return false
	})
	return func() []netip.AddrPort { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
}

// A line serves several questions, but no more than it may.
func TestLinesAreUsedAgain(t *testing.T) {
	u := newResolver(t, "")
	seen := ports(u)
	c := newChain(t, nursery(u.addr))
	const questions = 5 * lineQuestions
	for i := range questions {
		c.ask(t, "staff", fmt.Sprintf("n%d.example", i), dns.TypeA)
	}
	of := make(map[netip.AddrPort]int)
	for _, p := range seen() {
		of[p]++
	}
	if len(of) > questions/8 {
		t.Errorf("%d questions went out from %d ports", questions, len(of))
	}
	for p, n := range of {
		if n > lineQuestions {
			t.Errorf("%d questions went out from %v", n, p)
		}
	}
}

// Whoever forges an answer must guess the port of the very question.
func TestQuestionsOnTheirWayShareNoPort(t *testing.T) {
	u := newResolver(t, "")
	c := newChain(t, nursery(u.addr))
	const together = 100
	for round := range 3 {
		var arrived, asked sync.WaitGroup
		arrived.Add(together)
		var mu sync.Mutex
		from := make(map[string]int)
		u.answers(func(w dns.ResponseWriter, _ *dns.Msg) bool {
			mu.Lock()
			from[w.RemoteAddr().String()]++
			mu.Unlock()
			arrived.Done()
			arrived.Wait() // nobody is answered before all have asked
			return false
		})
		for i := range together {
			asked.Go(func() {
				w := &wire{t: t, from: people["staff"]}
				c.core.ServeDNS(t.Context(), w, new(dns.Msg).SetQuestion(fmt.Sprintf("r%d-%d.example.", round, i), dns.TypeA))
				if w.got == nil || w.got.Rcode != dns.RcodeNameError {
					t.Errorf("%v", w.got)
				}
			})
		}
		asked.Wait()
		if len(from) != together {
			t.Errorf("%d questions at once came from %d ports", together, len(from))
		}
	}
	c.upstreams.lines.mu.Lock()
	defer c.upstreams.lines.mu.Unlock()
	if n := len(c.upstreams.lines.idle[u.addr]); n == 0 || n > idleLines {
		t.Errorf("%d lines wait for a question", n)
	}
}

// An answer that comes twice, or late, is not the answer to the next question, even when
// that is the same.
func TestLateAnswers(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN A 198.51.100.1")
	u.answers(func(w dns.ResponseWriter, r *dns.Msg) bool {
		m := new(dns.Msg).SetReply(r)
		rr, _ := dns.NewRR("a.example. 60 IN A 198.51.100.66")
		m.Answer = []dns.RR{rr}
		_, _ = w.WriteMsg(m), w.WriteMsg(m)
		return true
	})
	c := newChain(t, nursery(u.addr))
	ask := func(unchecked bool) string { // which the cache holds apart
		r := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
		r.CheckingDisabled = unchecked
		return c.query(t, people["staff"], false, r).Answer[0].(*dns.A).A.String()
	}
	if got := ask(false); got != "198.51.100.66" {
		t.Fatal(got)
	}
	u.answers(nil)
	if got := ask(true); got != "198.51.100.1" {
		t.Errorf("the late answer was taken: %s", got)
	}
}

// A line is not kept for long, and not at all when it failed.
func TestLinesEnd(t *testing.T) {
	u, silent := newResolver(t, ""), silentPort(t)
	x := newUpstreams()
	now := time.Now()
	use := func(at time.Time) *line {
		t.Helper()
		k, err := openLine(u.addr, at)
		if err != nil {
			t.Fatal(err)
		}
		x.lines.give(u.addr, k, now)
		return k
	}
	use(now.Add(-lineAge))
	if x.lines.take(u.addr, now) != nil {
		t.Error("an old line was kept")
	}
	k := use(now)
	if x.lines.take(u.addr, now) != k {
		t.Fatal("a new line was not kept")
	}
	x.lines.give(u.addr, k, now)
	if x.lines.take(netip.AddrPortFrom(u.addr.Addr(), 1), now.Add(lineAge)); len(x.lines.idle) != 0 {
		t.Error("an old line to a resolver that is asked no more is still open")
	}
	use(now)
	x.note(u.addr, errWrongAnswer, now, now)
	if len(x.lines.idle) != 0 {
		t.Error("the lines to a resolver that failed are still open")
	}
	if _, err := x.exchange(silent, outgoing(new(dns.Msg).SetQuestion("a.example.", dns.TypeA)), wait{10 * time.Millisecond, now.Add(time.Hour)}); !isTimeout(err) {
		t.Errorf("%v", err)
	}
	if len(x.lines.idle) != 0 {
		t.Error("a line whose answer may still come was kept")
	}
}
