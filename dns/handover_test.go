package dns

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"stairgate/config/identity"

	"github.com/miekg/dns"
)

// The chain works on so many questions at once and on no more; those who worked wait for
// more work, but not all of them.
func TestRunnersAreBounded(t *testing.T) {
	c := newChain(t, nursery())
	k, err := newUDPSocket(netip.MustParseAddrPort("127.77.0.11:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	var lost atomic.Uint64
	h := newHandover(k, c.core, &lost)
	const more = 10
	began, release, served := make(chan struct{}, maxRunners+more), make(chan struct{}), new(atomic.Int64)
	h.serve = func(context.Context, dns.ResponseWriter, *dns.Msg) {
		began <- struct{}{}
		<-release
		served.Add(1)
	}
	b, err := new(dns.Msg).SetQuestion("a.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	pass := func(n int) {
		for range n {
			h.pass(b, netip.MustParseAddrPort("127.77.0.20:1234"), false)
		}
	}
	pass(maxRunners + more)
	for range maxRunners {
		<-began
	}
	if lost.Load() != more {
		t.Errorf("%d questions were lost, want %d", lost.Load(), more)
	}
	close(release)
	deadline := time.NewTicker(time.Millisecond)
	defer deadline.Stop()
	for try := 0; h.runners.Load() != idleRunners || h.idle.Load() != idleRunners; <-deadline.C {
		if try++; try > 5000 {
			t.Fatalf("%d still run, %d wait", h.runners.Load(), h.idle.Load())
		}
	}
	pass(5)
	h.end()
	if got := served.Load(); got != maxRunners+5 {
		t.Errorf("%d questions were served, want %d", got, maxRunners+5)
	}
	if n := h.runners.Load(); n != 0 {
		t.Errorf("%d run on after the end", n)
	}
}

// Whatever comes is answered, or not, as CoreDNS's own server does it.
func TestPacketsAsCoreDNSTakesThem(t *testing.T) {
	u := newResolver(t, "a.example. 60 IN A 198.51.100.1")
	snap := identity.New(loopback(u.addr))
	s, err := New(Options{Snapshot: func() *identity.Snapshot { return snap }})
	if err != nil {
		t.Fatal(err)
	}
	ours := dial(t, serve(t, s))
	theirs, err := net.ListenPacket("udp", "127.77.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.sockets[0].server.ServePacket(theirs) }() // ends with the server
	reference := dial(t, theirs.LocalAddr().String())

	q := new(dns.Msg).SetQuestion("A.example.", dns.TypeA)
	q.Id = 4711
	plain, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	packets := map[string][]byte{"a question": plain, "a header": plain[:headerLen], "half a header": plain[:7]}
	change := func(name string, f func(b []byte)) {
		b := bytes.Clone(plain)
		f(b)
		packets[name] = b
	}
	change("an answer", func(b []byte) { b[2] |= 0x80 })
	for opcode := range byte(16) {
		change(fmt.Sprint("opcode ", opcode), func(b []byte) { b[2] = b[2]&^0x78 | opcode<<3 })
	}
	for i := range 4 {
		for n := range byte(4) {
			change(fmt.Sprint(n, " in section ", i), func(b []byte) { b[5+2*i] = n })
		}
	}
	change("another class", func(b []byte) { b[len(b)-1] = 3 })
	change("all flags, two questions", func(b []byte) { b[2] |= 7; b[3] = 0xFF; b[5] = 2 })
	change("all flags", func(b []byte) { b[2] |= 7; b[3] = 0xFF })
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		change(fmt.Sprint("chance ", i), func(b []byte) { b[2+rnd.IntN(len(b)-2)] = byte(rnd.Uint32()) })
	}
	for name, b := range packets {
		want := send(t, reference, b)
		s.answers.clear() // or the fast path would answer
		got := send(t, ours, b)
		if len(want) != len(got) || timeless(want) != timeless(got) {
			t.Errorf("%s, %x:\nCoreDNS %x\nours    %x", name, b, want, got)
		}
	}
}

// timeless is an answer without its times to live, which pass.
func timeless(b []byte) string {
	m := new(dns.Msg)
	if b == nil || m.Unpack(b) != nil {
		return fmt.Sprintf("%x", b)
	}
	for _, rr := range slices.Concat(m.Answer, m.Ns) {
		rr.Header().Ttl = 0
	}
	return m.String()
}

// send gives the answer to a packet, or nil when none comes before that to another question.
func send(t *testing.T, c net.Conn, b []byte) (answer []byte) {
	t.Helper()
	after, err := new(dns.Msg).SetQuestion("gate.school.internal.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	after[0], after[1] = 0x47, 0x11
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	wait := 100 * time.Millisecond // a question to the resolver may be overtaken
	for {
		buf := make([]byte, 2048)
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		switch {
		case err != nil && wait > time.Second:
			t.Fatalf("after %x the server answers nothing", b)
		case err != nil:
			wait = 10 * time.Second
			if _, err := c.Write(after); err != nil {
				t.Fatal(err)
			}
		case bytes.Equal(buf[:2], after[:2]):
			return answer
		case wait > time.Second:
			answer = buf[:n] // late
		default:
			return buf[:n]
		}
	}
}
