package dns

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// people of the nursery in these tests.
var people = map[string]netip.Addr{
	"staff":    netip.MustParseAddr("192.168.77.20"),
	"child":    netip.MustParseAddr("192.168.77.30"),
	"tech":     netip.MustParseAddr("192.168.77.40"),
	"open":     netip.MustParseAddr("192.168.77.50"), // a group that blocks nothing
	"expired":  netip.MustParseAddr("192.168.77.60"), // the session ended, the writer is away
	"lost":     netip.MustParseAddr("192.168.77.70"), // in a group that does not exist
	"pupil":    netip.MustParseAddr("192.168.77.80"), // SafeSearch, and YouTube strict
	"new":      netip.MustParseAddr("192.168.77.99"), // in quarantine
	"guest":    netip.MustParseAddr("192.168.78.20"),
	"stranger": netip.MustParseAddr("10.9.9.9"), // in no zone
}

// nursery is the snapshot of these tests.
func nursery(upstreams ...netip.AddrPort) identity.Data {
	client := func(who, zone, group string, class identity.Class, until time.Time) identity.Client {
		return identity.Client{Addr: people[who], Zone: zone, Group: group, Class: class, Until: until}
	}
	evening := noon.Add(6 * time.Hour)
	return identity.Data{
		Version: 7,
		Time:    noon,
		School:  identity.School{Name: "Little Acorns", Contact: "Ms Ahmed in the office"},
		Zones: []identity.Zone{
			{ID: "school", Prefix: netip.MustParsePrefix("192.168.77.0/24"), Addr: netip.MustParseAddr("192.168.77.1")},
			{ID: "guest", Prefix: netip.MustParsePrefix("192.168.78.0/24"), Addr: netip.MustParseAddr("192.168.78.1")},
		},
		Groups: []identity.Group{
			{ID: "staff", Name: "Staff", Categories: identity.Blocking(identity.Gambling, identity.Social, identity.Webmail, identity.Bypass), Sign: true},
			{ID: "children", Name: "Children", Categories: identity.Blocking(identity.Gambling, identity.Social, identity.Gaming, identity.Streaming), Child: true},
			{ID: "technician", Name: "Technician", Admin: true},
			{ID: "visitors", Name: "Visitors", Categories: identity.Blocking(identity.Shopping)},
			{ID: "open", Name: "Nothing blocked"},
			{ID: "pupils", Name: "Pupils", SafeSearch: true, YouTube: identity.YouTubeStrict, Categories: []identity.CategoryRule{{Action: identity.Warn, Of: []identity.Category{identity.Shopping}}}},
		},
		Clients: []identity.Client{
			client("staff", "school", "staff", identity.Admitted, evening),
			client("child", "school", "children", identity.Admitted, time.Time{}),
			client("tech", "school", "technician", identity.Admitted, evening),
			client("open", "school", "open", identity.Admitted, evening),
			client("expired", "school", "staff", identity.Admitted, noon),
			client("lost", "school", "nobody", identity.Admitted, evening),
			client("pupil", "school", "pupils", identity.Admitted, evening),
			client("guest", "guest", "visitors", identity.Admitted, evening),
		},
		Default:     "staff",
		Domain:      "school.internal",
		Portal:      "gate",
		Names:       []identity.Name{{Name: "printer.school.internal", Addr: netip.MustParseAddr("192.168.77.5")}, {Name: "tablet.school.internal", Addr: netip.MustParseAddr("192.168.77.99")}, {Name: "till.school.internal", Addr: netip.MustParseAddr("192.168.78.9")}},
		Upstreams:   upstreams,
		RebindAllow: []string{"intranet.example"},
		CapportURL:  "https://portal.littleacorns.example/capport",
	}
}

// chain is a Server without sockets: a query goes in at the top and the bytes of the
// answer are read back at the bottom.
type chain struct {
	*Server
	core *dnsserver.Server
	snap *identity.Snapshot

	fast bool // the fast path answers what it can; otherwise the chain answers all

	mu   sync.Mutex
	now  time.Time
	rows []edge.Query
	errs []string
}

func newChain(t testing.TB, d identity.Data, change ...func(*Options)) *chain {
	t.Helper()
	c := &chain{snap: identity.New(d), now: noon}
	o := Options{
		Snapshot: func() *identity.Snapshot { c.mu.Lock(); defer c.mu.Unlock(); return c.snap },
		Now:      func() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now },
		Log:      func(q edge.Query) { c.mu.Lock(); defer c.mu.Unlock(); c.rows = append(c.rows, q) },
		Error:    func(line string) { c.mu.Lock(); defer c.mu.Unlock(); c.errs = append(c.errs, line) },
	}
	for _, f := range change {
		f(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.Server = s
	c.core, err = dnsserver.NewServer("dns://192.168.77.1:53", []*dnsserver.Config{s.config})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *chain) set(d identity.Data) { c.mu.Lock(); defer c.mu.Unlock(); c.snap = identity.New(d) }

func (c *chain) wait(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

func (c *chain) lastRow(t testing.TB) edge.Query {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rows) == 0 {
		t.Fatal("nothing was logged")
	}
	return c.rows[len(c.rows)-1]
}

// answer is what came back: the message and its length on the wire.
type answer struct {
	*dns.Msg
	size int
}

// query sends r from a client; nil is no answer at all. Over UDP it is asked both ways,
// and the answers must be the same.
func (c *chain) query(t testing.TB, from netip.Addr, tcp bool, r *dns.Msg) *answer {
	t.Helper()
	b, err := r.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return c.packet(t, from, tcp, b)
}

// packet is query for the bytes of a question that the DNS library can read.
func (c *chain) packet(t testing.TB, from netip.Addr, tcp bool, b []byte) *answer {
	t.Helper()
	in := new(dns.Msg)
	if err := in.Unpack(b); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if c.fast && !tcp {
		a, missed := answerFast(t, c.Server, from, b)
		if a != nil {
			return a
		}
		if missed {
			ctx = withMissed(ctx)
		}
	}
	limited := c.Counts().Limited
	w := &wire{t: t, from: from, tcp: tcp}
	c.core.ServeDNS(ctx, w, in)
	if !tcp && !c.fast && c.Counts().Limited == limited {
		c.compare(t, from, b, w.got)
	}
	return w.got
}

// ask is query for the usual case.
func (c *chain) ask(t testing.TB, who, name string, qtype uint16) *answer {
	t.Helper()
	r := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	r.SetEdns0(1232, false)
	a := c.query(t, people[who], false, r)
	if a == nil {
		t.Fatalf("%s asked %s %s and got no answer", who, name, dns.Type(qtype))
	}
	return a
}

// wire is a client's end of a connection. It packs the answer as the kernel would
// get it.
type wire struct {
	dns.ResponseWriter // nil: the rest is never called
	t                  testing.TB
	from               netip.Addr
	tcp                bool
	got                *answer
}

func (w *wire) LocalAddr() net.Addr { return w.addr(netip.MustParseAddr("192.168.77.1"), 53) }

func (w *wire) RemoteAddr() net.Addr { return w.addr(w.from, 40000) }

func (w *wire) addr(a netip.Addr, port uint16) net.Addr {
	if w.tcp {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, port))
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, port))
}

func (w *wire) WriteMsg(m *dns.Msg) error {
	b, err := m.Pack()
	if err != nil {
		w.t.Errorf("an answer that cannot be packed: %v\n%v", err, m)
		return err
	}
	if w.got != nil {
		w.t.Errorf("a second answer to one question:\n%v", m)
	}
	got := new(dns.Msg)
	if err := got.Unpack(b); err != nil {
		w.t.Errorf("an answer that cannot be read: %v", err)
	}
	w.got = &answer{got, len(b)}
	return nil
}

// resolver is an upstream on loopback that knows some records, and remembers what it
// was asked.
type resolver struct {
	addr netip.AddrPort

	mu      sync.Mutex
	records map[string][]dns.RR
	asked   []string
	reply   func(w dns.ResponseWriter, r *dns.Msg) bool // true: it answered
}

// newResolver starts a resolver with records in presentation form, a line each. A
// name it does not know does not exist.
func newResolver(t testing.TB, records string) *resolver {
	t.Helper()
	return newResolverAt(t, "127.0.0.1:0", records)
}

func newResolverAt(t testing.TB, at, records string) *resolver {
	t.Helper()
	u := &resolver{}
	u.know(t, records)
	udp, tcp := listenBoth(t, at)
	u.addr = netip.MustParseAddrPort(udp.LocalAddr().String())
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: u}, {Listener: tcp, Handler: u}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return u
}

// listenBoth finds a port that is free for both transports.
func listenBoth(t testing.TB, at string) (net.PacketConn, net.Listener) {
	t.Helper()
	for try := 0; ; try++ {
		udp, err := net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		if err := udp.(*net.UDPConn).SetReadBuffer(1 << 20); err != nil { // for bursts, as far as the machine allows
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close()
		if try == 10 {
			t.Fatal(err)
		}
	}
}

func (u *resolver) know(t testing.TB, records string) {
	t.Helper()
	m := make(map[string][]dns.RR)
	for line := range strings.Lines(records) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatalf("record %q: %v", line, err)
		}
		name := strings.ToLower(rr.Header().Name)
		m[name] = append(m[name], rr)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.records = m
}

// answers makes the resolver misbehave; nil is its own way again.
func (u *resolver) answers(reply func(dns.ResponseWriter, *dns.Msg) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reply = reply
}

func (u *resolver) seen() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.asked...)
}

// ServeDNS implements dns.Handler.
func (u *resolver) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	u.mu.Lock()
	q := r.Question[0]
	u.asked = append(u.asked, q.Name+" "+dns.Type(q.Qtype).String())
	reply := u.reply
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable, m.AuthenticatedData = true, r.AuthenticatedData
	if o := r.IsEdns0(); o != nil {
		m.SetEdns0(1232, o.Do())
	}
	name := strings.ToLower(q.Name)
	for range 8 {
		next := ""
		for _, rr := range u.records[name] {
			switch {
			case rr.Header().Rrtype == q.Qtype:
				m.Answer = append(m.Answer, rr)
			case rr.Header().Rrtype == dns.TypeCNAME:
				m.Answer = append(m.Answer, rr)
				next = strings.ToLower(rr.(*dns.CNAME).Target)
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	if len(m.Answer) == 0 {
		if len(u.records[name]) == 0 {
			m.Rcode = dns.RcodeNameError
		}
		m.Ns = []dns.RR{soa(name, 30)}
	}
	u.mu.Unlock()
	if reply != nil && reply(w, r) {
		return
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := 512
		if o := r.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m)
}

// silentPort is a loopback port where packets vanish: somebody listens and says
// nothing.
func silentPort(t testing.TB) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

func ede(m *dns.Msg) (code uint16, text string, ok bool) {
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, is := opt.(*dns.EDNS0_EDE); is {
				return e.InfoCode, e.ExtraText, true
			}
		}
	}
	return 0, "", false
}
