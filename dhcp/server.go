package dhcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a Server is made of.
type Options struct {
	Journal Journal
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: slog.Default()
	Wire    Wire             // nil: LinuxWire
	// OnLease hears of every lease that has been recorded: given, renewed,
	// released (it has run out) or forgotten (Expires is zero). The ACK may already
	// have left. It may take its time; if it falls far behind, leases are skipped,
	// and Leases tells the truth.
	OnLease func(Lease)
}

// Server answers the clients of all zones.
type Server struct {
	o Options

	mu      sync.Mutex // guards what follows
	state   *State
	limit   limiter
	probes  map[place]*probe
	silence []*probe // the same and those that are over, in the order of their due time
	counts  map[Reason]uint64
	queue   []waiting
	unsaved error // of the last Commit
	news    []Lease

	setMu  sync.Mutex // one Set at a time; guards links and closed
	links  map[string]*link
	broken map[string]error // zone → why its link is not open; guarded by mu
	closed bool

	wake, tell, probing chan struct{} // each wakes one goroutine of Run
	wg                  sync.WaitGroup
	panics              atomic.Uint64 // counted apart: mu may be held
}

// link is a zone's interface with its open sockets.
type link struct {
	zone, iface   string
	index         int
	messages, arp Socket
	failed        atomic.Bool // its reader has given up
}

// NewServer reads the leases on record. Nothing is served before Set.
func NewServer(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Wire == nil {
		o.Wire = LinuxWire{}
	}
	leases, err := o.Journal.Load()
	if err != nil {
		return nil, fmt.Errorf("reading the leases on record: %w", err)
	}
	return &Server{
		o: o, state: NewState(leases), probes: map[place]*probe{}, counts: map[Reason]uint64{},
		links: map[string]*link{}, broken: map[string]error{},
		wake: make(chan struct{}, 1), tell: make(chan struct{}, 1), probing: make(chan struct{}, 1),
	}, nil
}

// String names the task.
func (s *Server) String() string { return "dhcp" }

// Set makes subnets the zones that are served: it opens what is missing, closes
// what is not wanted, and opens again what was taken away and made anew. It may
// be called any number of times. A zone whose interface cannot be opened is in
// the error and in Problems, and is tried again by the next Set; the others are
// served.
func (s *Server) Set(subnets []Subnet) error {
	s.setMu.Lock()
	defer s.setMu.Unlock()
	if s.closed {
		return errors.New("setting the DHCP zones: the server has stopped")
	}
	s.mu.Lock()
	err := s.state.Set(subnets, s.o.Now())
	s.mu.Unlock()
	errs := []error{err}
	broken := map[string]error{}
	want := map[string]bool{}
	for _, n := range subnets {
		want[n.Zone] = true
		if err := s.open(n); err != nil {
			broken[n.Zone] = err
			errs = append(errs, err)
		}
	}
	for id, l := range s.links {
		if !want[id] {
			errs = append(errs, s.shut(l))
		}
	}
	s.mu.Lock()
	s.broken = broken
	s.mu.Unlock()
	return errors.Join(errs...)
}

// open makes sure that the zone's interface is listened on.
func (s *Server) open(n Subnet) error {
	index, err := s.o.Wire.Index(n.Interface)
	if l := s.links[n.Zone]; l != nil {
		if err == nil && l.iface == n.Interface && l.index == index && !l.failed.Load() {
			return nil
		}
		err = errors.Join(err, s.shut(l))
	}
	if err != nil {
		return fmt.Errorf("zone %s: %w", n.Zone, err)
	}
	messages, arp, err := s.o.Wire.Open(n.Interface)
	if err != nil {
		return fmt.Errorf("zone %s: %w", n.Zone, err)
	}
	l := &link{zone: n.Zone, iface: n.Interface, index: index, messages: messages, arp: arp}
	s.links[n.Zone] = l
	s.wg.Go(func() { s.read(l, l.messages, s.message) })
	s.wg.Go(func() { s.read(l, l.arp, s.neighbour) })
	return nil
}

func (s *Server) shut(l *link) error {
	delete(s.links, l.zone)
	if err := errors.Join(l.messages.Close(), l.arp.Close()); err != nil {
		return fmt.Errorf("closing the sockets on %s: %w", l.iface, err)
	}
	return nil
}

// read hands every packet of a socket to handle. A packet that makes us panic
// costs itself.
func (s *Server) read(l *link, from Socket, handle func(*link, []byte, time.Time)) {
	const hopeless = 100 // errors in a row: the interface is gone, the next Set opens it again
	b := make([]byte, largestMTU)
	for failures := 0; failures < hopeless; {
		n, err := from.Receive(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			failures++
			continue
		}
		failures = 0
		s.survive(func() { handle(l, b[:n], s.o.Now()) })
	}
	l.failed.Store(true)
	s.mu.Lock()
	s.broken[l.zone] = fmt.Errorf("zone %s: interface %s receives nothing any more", l.zone, l.iface)
	s.mu.Unlock()
}

// survive runs f; a panic in it is logged and counted.
func (s *Server) survive(f func()) {
	defer func() {
		if p := recover(); p != nil {
			s.o.Log.Error("dhcp: a packet caused a panic", "panic", p, "stack", string(debug.Stack()))
			s.panics.Add(1)
		}
	}()
	f()
}

// message handles one datagram.
func (s *Server) message(l *link, b []byte, now time.Time) {
	r, err := ParseRequest(l.zone, b)
	if err != nil {
		s.count(DropMalformed)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.limit.allow(r.mac, now) {
		s.counts[DropRate]++
		return
	}
	s.answer(l, r, 0, now)
}

// answer decides and carries out. It is called with mu held, so that no two
// clients are promised one address; what takes time happens elsewhere.
func (s *Server) answer(l *link, r Request, tries int, now time.Time) {
	s.state.Expire(now)
	d := Reply(s.state, r, now)
	switch {
	case d.Probe && len(s.probes) >= mostProbes || len(d.Commit) > 0 && len(s.queue) >= mostWaiting:
		s.counts[DropBusy]++
		return
	case d.Probe && tries >= mostConflicts:
		s.counts[DropConflicts]++
		return
	}
	s.counts[d.Reason]++
	s.state.Apply(d, now)
	switch {
	case d.Probe:
		s.probe(l, r, d, tries, now)
	case len(d.Commit) > 0:
		s.queue = append(s.queue, waiting{l, d})
		signal(s.wake)
	case d.Reply != nil:
		s.send(l, d)
	}
}

// signal wakes a goroutine, unless it has been woken already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *Server) count(r Reason) {
	s.mu.Lock()
	s.counts[r]++
	s.mu.Unlock()
}

// send lets a reply go; mu is held.
func (s *Server) send(l *link, d Decision) {
	if err := l.messages.Send(d.Reply.Bytes(), d.To); err != nil {
		s.counts[DropNotDelivered]++
		s.o.Log.Debug("dhcp: reply not sent", "zone", l.zone, "to", d.To.Addr, "error", err)
	}
}

// Run records leases and lets ACKs go until ctx ends; then it closes the sockets.
func (s *Server) Run(ctx context.Context) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	s.wg.Go(func() { s.announce(inner) })
	s.wg.Go(func() { s.hush(inner) })
	for {
		select {
		case <-s.wake:
			s.flush()
			continue
		case <-ctx.Done():
		}
		break
	}
	s.setMu.Lock()
	s.closed = true
	var errs []error
	for _, l := range s.links {
		errs = append(errs, s.shut(l))
	}
	s.setMu.Unlock()
	s.wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return ctx.Err()
}

// Leases returns the leases in force, in address order.
func (s *Server) Leases() []Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Leases(s.o.Now())
}

// Counts says how many messages ended for which reason.
func (s *Server) Counts() map[Reason]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := maps.Clone(s.counts)
	if n := s.panics.Load(); n > 0 {
		out[DropPanic] = n
	}
	return out
}

// Quarantined returns the addresses kept out of use because a device has them
// without a lease.
func (s *Server) Quarantined() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netip.Addr
	for _, z := range s.state.zones {
		out = slices.AppendSeq(out, maps.Keys(z.quarantined))
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}
