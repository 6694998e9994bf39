package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/dns/category"

	"github.com/miekg/dns"
)

// compiled writes a database of gambling names and says where.
func compiled(t testing.TB, dir, id string, names ...string) identity.ListsInfo {
	t.Helper()
	text := filepath.Join(dir, id+".txt")
	if err := os.WriteFile(text, []byte(strings.Join(names, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, id)
	source := category.Source{ID: "casinos", Category: identity.Gambling, Open: category.File(text)}
	if _, err := category.Compile(out, []category.Source{source}, category.CompileOptions{}); err != nil {
		t.Fatal(err)
	}
	return identity.ListsInfo{Path: out, ID: id}
}

// withLists is the nursery with a database.
func withLists(l identity.ListsInfo) *identity.Snapshot {
	d := nursery()
	d.Lists = l
	return identity.New(d)
}

// What a snapshot names is in use; what cannot be opened leaves the one before, and is
// said once; and the list a name stands in is logged, whichever way it was answered.
func TestLists(t *testing.T) {
	dir := t.TempDir()
	var said []string
	l := &Lists{Error: func(line string) { said = append(said, line) }}
	c := newChain(t, nursery(), func(o *Options) { o.Categories = &l.Holder })
	page := func(name string) bool {
		a := c.ask(t, "staff", name, dns.TypeA)
		return len(a.Answer) == 1 && a.Answer[0].(*dns.A).A.String() == "192.168.77.1"
	}
	if page("one.example") || !page("bet365.com") {
		t.Error("before any list")
	}
	for range 2 { // the second time nothing happens
		if err := l.Apply(withLists(compiled(t, dir, "first", "one.example"))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c.fast = range []bool{false, true} {
		if !page("www.one.example") || c.lastRow(t).List != "casinos" {
			t.Errorf("fast=%v: a listed name: %+v", c.fast, c.lastRow(t))
		}
		if !page("www.bet365.com") || c.lastRow(t).List != builtin {
			t.Errorf("fast=%v: a built-in name: %+v", c.fast, c.lastRow(t))
		}
	}
	db := l.Holder.DB()
	for _, bad := range []string{filepath.Join(dir, "missing"), filepath.Join(dir, "first.txt")} {
		for range 2 {
			snap := withLists(identity.ListsInfo{Path: bad, ID: bad})
			l.say(snap.Data().Lists, l.Apply(snap))
		}
	}
	if l.Holder.DB() != db || len(said) != 2 || !strings.Contains(said[0], "stay in use") {
		t.Errorf("after two files that are none: %q", said)
	}
	if err := l.Apply(withLists(compiled(t, dir, "second", "two.example"))); err != nil {
		t.Fatal(err)
	}
	if !page("two.example") || page("one.example") {
		t.Error("after the second list")
	}
	if err := l.Apply(withLists(identity.ListsInfo{})); err != nil || l.Holder.DB() != nil || !page("bet365.com") {
		t.Error("without a list again", err)
	}
}

// One list takes the place of another while 5,000 questions a second come in: each is
// answered, and none of those that both lists block is let through.
func TestSwapUnderLoad(t *testing.T) {
	dir := t.TempDir()
	a, b := compiled(t, dir, "a", "both.example", "only-a.example"), compiled(t, dir, "b", "both.example", "only-b.example")
	l := &Lists{}
	if err := l.Apply(withLists(a)); err != nil {
		t.Fatal(err)
	}
	snap := identity.New(loopback())
	s, err := New(Options{Snapshot: func() *identity.Snapshot { return snap }, Categories: &l.Holder})
	if err != nil {
		t.Fatal(err)
	}
	at := serve(t, s)
	conn := dial(t, at)
	const rate, seconds = 5000, 1
	var sent, answered, open atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 512)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			answered.Add(1)
			m := new(dns.Msg)
			if err := m.Unpack(buf[:n]); err != nil || len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != "127.77.0.1" {
				open.Add(1)
			}
		}
	})
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for swaps := 0; ; swaps++ {
			select {
			case <-stop:
				t.Logf("%d swaps", swaps)
				return
			case <-tick.C:
			}
			which := a
			if swaps%2 == 0 {
				which = b
			}
			if err := l.Apply(withLists(which)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	// Few on their way at once: more would be lost in this client's own buffer on
	// a busy machine. What the server lost would be missing for ever.
	const window = 64
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for begin := time.Now(); sent.Load() < rate*seconds && time.Now().Before(deadline); <-tick.C {
		for want := int64(time.Since(begin) * rate / time.Second); sent.Load() < min(want, rate*seconds, answered.Load()+window); {
			n := sent.Add(1)
			q, _ := new(dns.Msg).SetQuestion(fmt.Sprintf("h%d.both.example.", n), dns.TypeA).Pack()
			if _, err := conn.Write(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	for answered.Load() < sent.Load() && time.Now().Before(deadline) {
		<-tick.C
	}
	close(stop)
	conn.Close()
	wg.Wait()
	if sent.Load() != rate*seconds || answered.Load() != sent.Load() || open.Load() != 0 {
		t.Errorf("%d of %d answered, %d of them let through", answered.Load(), sent.Load(), open.Load())
	}
	if got := s.Counts().Fast; got != uint64(sent.Load()) {
		t.Errorf("%d answered by the fast path", got)
	}
}

// serve runs s on a loopback port until the test ends.
func serve(t *testing.T, s *Server) (at string) {
	t.Helper()
	if err := s.Listen([]netip.AddrPort{netip.MustParseAddrPort("127.77.0.1:0")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s.Bound()[0].String()
}

func dial(t *testing.T, at string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 77, 0, 20)}}
	c, err := d.Dial("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A change the writer publishes reaches a running client in less than a second, through
// the socket between the two, and whatever the client was answered before.
func TestChangeReachesClient(t *testing.T) {
	u := newResolver(t, "www.amazon.co.uk. 600 IN A 198.51.100.9")
	w := newPublisher()
	d := loopback(u.addr)
	w.publish(d)
	socket := filepath.Join(t.TempDir(), "edge.sock")
	ln, err := edge.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = edge.Serve(t.Context(), ln, w) }()
	client := edge.NewClient(socket)
	go func() { _ = client.Run(t.Context()) }()
	if _, err := client.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Snapshot: client.Snapshot, Log: client.Log})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, s)
	at := s.Bound()[0]
	for i, want := range []string{"198.51.100.9", "127.77.0.1", "198.51.100.9", "127.77.0.1"} {
		if i > 0 {
			d.Version++
			d.Groups = append([]identity.Group(nil), d.Groups...)
			d.Groups[0].Categories = nil
			if i%2 == 1 {
				d.Groups[0].Categories = identity.Blocking(identity.Shopping)
			}
			w.publish(d)
		}
		begin := time.Now()
		for resolveFrom(t, "127.77.0.20", "udp", at, "www.amazon.co.uk.") != want {
			if time.Since(begin) > time.Second {
				t.Fatalf("change %d is not felt after a second", i)
			}
		}
		t.Logf("change %d felt after %v", i, time.Since(begin).Round(time.Millisecond))
	}
	if n := s.Counts().Fast; n == 0 {
		t.Error("the fast path answered nothing")
	}
}

// publisher is the writer's end of the socket.
type publisher struct {
	mu    sync.Mutex
	snap  *identity.Snapshot
	newer chan struct{}
}

func newPublisher() *publisher { return &publisher{newer: make(chan struct{})} }

func (p *publisher) publish(d identity.Data) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.snap = identity.New(d)
	close(p.newer)
	p.newer = make(chan struct{})
}

func (p *publisher) Snapshot() (*identity.Snapshot, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snap, p.newer
}

func (*publisher) Log(edge.Batch)                                          {}
func (*publisher) Sign(context.Context, edge.SignRequest) edge.Answer      { return edge.Answer{} }
func (*publisher) SignOut(context.Context, netip.Addr) edge.Answer         { return edge.Answer{} }
func (*publisher) Why(context.Context, netip.Addr, string) (r edge.Reason) { return r }
func (*publisher) GoOn(context.Context, edge.GoOnRequest) (a edge.Answer)  { return a }
