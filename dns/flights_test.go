package dns

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func numbered(zone byte, n int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 168, zone, byte(n)})
}

// fly takes as many places as there are for p, up to most.
func fly(f *flights, p passenger, most int) (n int) {
	for n < most && f.takeOff(p) {
		n++
	}
	return n
}

// Every address of a network asks for all it can get; a member finds its places all
// the same, and so does one more stranger.
func TestStrangersNeverTakeAMembersPlace(t *testing.T) {
	f := newFlights()
	taken := 0
	for round := range 3 {
		for n := 2; n < 254; n++ {
			taken += fly(f, passenger{numbered(77, n), "school", false}, 1000)
		}
		if round == 0 && taken < 300 {
			t.Errorf("strangers have no more than %d places together", taken)
		}
	}
	if taken > strangerFlights {
		t.Errorf("strangers took %d places", taken)
	}
	if n := fly(f, passenger{people["staff"], "school", true}, 400); n != 400 {
		t.Errorf("a member found %d places of 400", n)
	}
	if n := fly(f, passenger{numbered(78, 9), "guest", false}, 1000); n == 0 {
		t.Error("a stranger in another network found none")
	}
}

func TestMembersShareFairly(t *testing.T) {
	f := newFlights()
	greedy := passenger{people["staff"], "school", true}
	if n := fly(f, greedy, 5000); n != clientFlights {
		t.Errorf("one client took %d places, not %d", n, clientFlights)
	}
	for n := 2; n < 52; n++ {
		fly(f, passenger{numbered(77, n), "school", true}, 5000)
	}
	modest := passenger{people["guest"], "guest", true}
	if n := fly(f, modest, 8); n != 8 {
		t.Errorf("behind fifty greedy clients a modest one found %d places of 8", n)
	}
}

func TestPlacesAreGivenBack(t *testing.T) {
	f := newFlights()
	var all []passenger
	for n := range 100 {
		p := passenger{numbered(77, n), fmt.Sprint(n % 3), n%2 == 0}
		for f.takeOff(p) {
			all = append(all, p)
		}
	}
	for _, p := range all {
		f.land(p)
	}
	for _, c := range []flightClass{f.members, f.stranger} {
		if c.total != 0 || len(c.clients) != 0 || len(c.zones) != 0 {
			t.Errorf("something is still taken: %+v", c)
		}
	}
}

// The whole chain: forged addresses ask for names whose answers take seconds; a
// member's question is answered at once meanwhile.
func TestSlowNamesOfStrangersCostAMemberNothing(t *testing.T) {
	u := newResolver(t, "quick.example. 60 IN A 198.51.100.2")
	release := make(chan struct{})
	u.answers(func(_ dns.ResponseWriter, r *dns.Msg) bool {
		if r.Question[0].Name == "quick.example." {
			return false
		}
		<-release
		return true // says nothing
	})
	c := newChain(t, nursery(u.addr))
	var wg sync.WaitGroup
	asked := 0
	for n := 100; n < 250; n++ { // 150 addresses of the school's network that nobody knows
		for i := range 15 {
			r := new(dns.Msg).SetQuestion(fmt.Sprintf("slow-%d-%d.example.", n, i), dns.TypeA)
			asked++
			wg.Go(func() { c.core.ServeDNS(t.Context(), &wire{t: t, from: numbered(77, n)}, r) })
		}
	}
	t.Cleanup(func() { close(release); wg.Wait() })
	onTheirWay := func() int {
		c.upstreams.flights.mu.Lock()
		defer c.upstreams.flights.mu.Unlock()
		return c.upstreams.flights.stranger.total
	}
	// Until as many as one network may have on their way have arrived: a burst that the resolver's socket
	// still holds could cost the member's question its place there.
	for deadline := time.Now().Add(10 * time.Second); len(u.seen()) < strangerFlights*3/4; {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d questions arrived at the resolver", len(u.seen()), asked)
		}
		<-time.After(5 * time.Millisecond)
	}
	if n := onTheirWay(); n > strangerFlights {
		t.Errorf("%d questions of strangers are on their way", n)
	}
	began := time.Now()
	w := &wire{t: t, from: people["staff"]}
	c.core.ServeDNS(t.Context(), w, new(dns.Msg).SetQuestion("quick.example.", dns.TypeA))
	if w.got == nil || len(w.got.Answer) != 1 {
		t.Errorf("the member got %v", w.got)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("after %v", took)
	}
}
