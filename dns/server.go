package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/dns/category"
	"stairgate/dns/policy"

	"github.com/coredns/coredns/core/dnsserver"
)

// Port is where clients ask.
const Port = 53

// ErrMoved is returned by Run when the zones' addresses are no longer those that
// were bound. A process without privileges cannot bind port 53, so it must be
// started again.
var ErrMoved = errors.New("the addresses of the zones changed")

// Options are what a Server needs of the world.
type Options struct {
	// Snapshot is the newest snapshot; nil means none is known yet, and every
	// query is refused.
	Snapshot func() *identity.Snapshot
	// Categories of a name; nil for the built-in table alone.
	Categories category.Database
	// Log takes a row of the query log and never blocks; nil for no log. Lost is told
	// of a row that was not given to it because too many came; nil for nobody.
	Log  func(edge.Query)
	Lost func()
	// Now is the clock; nil for time.Now.
	Now func() time.Time
	// Error takes a line for the operator; nil for none. It never contains a name
	// somebody looked up, nor an address.
	Error func(line string)
}

// Server answers DNS. Make it with New, then Listen, then Run.
type Server struct {
	opt       Options
	decide    func(*policy.Rules, policy.Question) policy.Verdict
	config    *dnsserver.Config
	newest    atomic.Pointer[view]
	preparing sync.Mutex // a view
	answers   *answers
	unkept    *unkept
	tunnel    *policy.Tunnel
	limit     *limiter
	logLimit  logLimit
	upstreams *upstreams
	sockets   []socket
	counts    counts
	lastError atomic.Int64 // unix seconds
}

// Counts are totals since the start.
type Counts struct {
	Queries uint64 // that were not dropped as nonsense
	Fast    uint64 // of these, answered without the chain
	Lost    uint64 // because the chain was too far behind
	Panics  uint64 // each cost one query
	Limited uint64 // refused because a client in quarantine asked too often
	Failed  uint64 // no resolver answered
}

type counts struct{ queries, fast, lost, panics, limited, failed atomic.Uint64 }

// New reads the Corefile and builds the chain. Nothing is bound yet.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(edge.Query) {}
	}
	if o.Lost == nil {
		o.Lost = func() {}
	}
	if o.Error == nil {
		o.Error = func(string) {}
	}
	if o.Categories == nil {
		o.Categories = new(category.Holder)
	}
	kept, err := newAnswers(o.Now())
	if err != nil {
		return nil, err
	}
	s := &Server{opt: o, decide: (*policy.Rules).Decide, answers: kept, unkept: newUnkept(), tunnel: new(policy.Tunnel), limit: newLimiter(), upstreams: newUpstreams()}
	config, err := configure(s)
	if err != nil {
		return nil, fmt.Errorf("building the DNS chain: %w", err)
	}
	s.config = config
	return s, nil
}

// Addresses are where the zones of a snapshot are served.
func Addresses(snap *identity.Snapshot) []netip.AddrPort {
	var out []netip.AddrPort
	for _, z := range snap.Data().Zones {
		out = append(out, netip.AddrPortFrom(z.Addr, Port))
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out)
}

// socket is one address, bound for both transports. What the fast path leaves of udp
// goes to rest.
type socket struct {
	at     netip.AddrPort
	server *dnsserver.Server
	udp    []*udpSocket
	rest   *handover
	tcp    net.Listener
}

// Listen binds every address, or none.
func (s *Server) Listen(addrs []netip.AddrPort) (err error) {
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, a := range addrs {
		srv, err := dnsserver.NewServer("dns://"+a.String(), []*dnsserver.Config{s.config})
		if err != nil {
			return fmt.Errorf("making a server for %s: %w", a, err)
		}
		k := socket{server: srv}
		if k.udp, k.tcp, err = bind(a); err != nil {
			return err
		}
		k.at = k.udp[0].at
		k.rest = newHandover(k.udp[0], srv, &s.counts.lost)
		s.sockets = append(s.sockets, k)
	}
	return nil
}

// Bound is where the server listens.
func (s *Server) Bound() []netip.AddrPort {
	var out []netip.AddrPort
	for _, k := range s.sockets {
		out = append(out, k.at)
	}
	return out
}

// Run serves until ctx ends (nil), a socket fails, or the zones' addresses change
// (ErrMoved). It returns when all sockets are closed.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, k := range s.sockets {
		var workers sync.WaitGroup
		for _, c := range k.udp {
			workers.Go(func() { cancel(s.work(c, k.rest)) })
		}
		wg.Go(func() {
			workers.Wait()
			k.rest.end()
		})
		wg.Go(func() { cancel(k.server.Serve(k.tcp)) })
	}
	wg.Go(func() { s.watchAddresses(ctx, cancel) })
	<-ctx.Done()
	err := context.Cause(ctx)
	s.close()
	wg.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// watchAddresses compares what is bound with what the newest snapshot wants.
func (s *Server) watchAddresses(ctx context.Context, cancel context.CancelCauseFunc) {
	bound := s.Bound()
	for _, a := range bound {
		if a.Port() != Port {
			return // a test on a port of its own
		}
	}
	slices.SortFunc(bound, netip.AddrPort.Compare)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if snap := s.opt.Snapshot(); snap != nil && !slices.Equal(Addresses(snap), bound) {
				cancel(ErrMoved)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) close() {
	for _, k := range s.sockets {
		// The sockets are ours, so they are closed here even when the server never
		// started on them.
		for _, c := range k.udp {
			c.close()
		}
		k.tcp.Close()
		_ = k.server.Stop()
	}
}

// Counts returns the totals so far.
func (s *Server) Counts() Counts {
	return Counts{
		Queries: s.counts.queries.Load(),
		Fast:    s.counts.fast.Load(),
		Lost:    s.counts.lost.Load(),
		Panics:  s.counts.panics.Load(),
		Limited: s.counts.limited.Load(),
		Failed:  s.counts.failed.Load(),
	}
}

// String names the task.
func (s *Server) String() string { return "DNS server" }
