package dns

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// kept is an answer with one address, as it is kept.
func kept(t testing.TB, name, record string) *wireAnswer {
	t.Helper()
	rr, err := dns.NewRR(record)
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetQuestion(name+".", dns.TypeA)
	m.Response, m.Answer = true, []dns.RR{rr}
	w := newWireAnswer(m)
	if w == nil {
		t.Fatalf("%s is not kept", record)
	}
	return w
}

func newTestAnswers(t testing.TB) *answers {
	t.Helper()
	a, err := newAnswers(noon)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A school's week of names stays, and a flood of others pushes them out, the oldest
// first, without an error and without another name's answer.
func TestAnswersAreBounded(t *testing.T) {
	a, e := newTestAnswers(t), new(entry)
	const week = 40000
	w := kept(t, "h1.example.net", "h1.example.net. 60 IN A 198.51.100.1")
	name := func(i int) []byte { return plainWire(fmt.Sprintf("h%d.example.net", i)) }
	for i := range week {
		w.message[len(w.message)-2], w.message[len(w.message)-1] = byte(i>>8), byte(i)
		a.put(name(i), dns.TypeA, 0, noon, w)
	}
	missing := 0
	for i := range week {
		if !a.find(e, name(i), dns.TypeA, 0, noon) {
			missing++
		} else if n := len(e.message); e.message[n-2] != byte(i>>8) || e.message[n-1] != byte(i) {
			t.Fatalf("the answer to h%d is another's", i)
		}
	}
	if missing > week/1000 {
		t.Errorf("%d of %d names are missing", missing, week)
	}
	for i := range 20 * week {
		a.put(name(i), dns.TypeA, 0, noon, w)
	}
	if a.find(e, name(0), dns.TypeA, 0, noon) {
		t.Error("the oldest is still there")
	}
	if !a.find(e, name(20*week-1), dns.TypeA, 0, noon) {
		t.Error("the newest is not there")
	}
}

// Times to live count down, and an answer ends with them.
func TestAnswersExpire(t *testing.T) {
	a, e := newTestAnswers(t), new(entry)
	name := plainWire("a.example")
	a.put(name, dns.TypeA, 0, noon, kept(t, "a.example", "a.example. 60 IN A 198.51.100.1"))
	for after, want := range map[time.Duration]uint32{
		0: 60, 900 * time.Millisecond: 60, time.Second: 59, 59 * time.Second: 1, 59900 * time.Millisecond: 1, time.Minute: 0, time.Hour: 0, -time.Hour: 60,
	} {
		found := a.find(e, name, dns.TypeA, 0, noon.Add(after))
		if found != (want > 0) || found && e.ttl != want {
			t.Errorf("after %v: %v, %d s left, want %d", after, found, e.ttl, want)
		}
	}
	if a.find(e, name, dns.TypeAAAA, 0, noon) || a.find(e, name, dns.TypeA, 1, noon) || a.find(e, plainWire("b.example"), dns.TypeA, 0, noon) {
		t.Error("the answer to another question")
	}
	a.clear()
	if a.find(e, name, dns.TypeA, 0, noon) {
		t.Error("something is left after clear")
	}
}

// Readers and writers at once; the race detector looks on.
func TestAnswersTogether(t *testing.T) {
	a := newTestAnswers(t)
	w := kept(t, "a.example", "a.example. 60 IN A 198.51.100.1")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			e := new(entry)
			for i := range 5000 {
				name := plainWire(fmt.Sprintf("h%d.example", i%500))
				if g%2 == 0 {
					a.put(name, dns.TypeA, 0, noon, w)
				} else if a.find(e, name, dns.TypeA, 0, noon) && len(e.message) != len(w.message) {
					t.Error("a torn answer")
				}
			}
		})
	}
	wg.Wait()
}
