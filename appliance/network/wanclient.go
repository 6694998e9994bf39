package network

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
)

// WANOptions are what a WANClient needs.
type WANOptions struct {
	// LeaseFile remembers the last lease over a restart, "" for not at all.
	LeaseFile string
	Log       *slog.Logger // nil for none

	line line // the machine, unless a test says otherwise
}

// WANClient is the DHCP client of the broadband port. It obtains and keeps the
// lease; putting the address into the kernel is Apply's part.
type WANClient struct {
	file string
	log  *slog.Logger
	line line
	kick chan struct{} // Set has something new for Run

	mu       sync.Mutex
	port     string
	enabled  bool
	info     portInfo
	present  bool
	m        *machine // nil while disabled or while there is no such port
	saved    WANLease // what the file holds
	seen     answered // what callers were last told
	changed  chan struct{}
	troubles map[string]string // key → sentence; beside the machine's own
}

// answered is what Current and Problems say.
type answered struct {
	lease    WANLease
	ok       bool
	problems map[string]string
}

// NewWANClient returns a client that does nothing until it is Set and Run.
func NewWANClient(o WANOptions) *WANClient {
	c := &WANClient{
		file: o.LeaseFile, log: o.Log, line: o.line,
		kick: make(chan struct{}, 1), changed: make(chan struct{}), troubles: make(map[string]string),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.line == nil {
		c.line = kernelLine{}
	}
	return c
}

func (c *WANClient) String() string { return "DHCP client of the broadband port" }

// Set says which port leads to the broadband line, and whether it gets its
// address by DHCP. It may be called again with the same values at any time.
//
// When it returns, Current already has the remembered lease if the kernel still
// uses its address: after a restart the first Apply finds nothing to remove.
func (c *WANClient) Set(port string, enabled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.port == port && c.enabled == enabled {
		return
	}
	c.port, c.enabled, c.m, c.present = port, enabled, nil, false
	clear(c.troubles)
	c.look(time.Now())
	c.tell()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Current returns the lease in use. ok is false while there is none: then the
// broadband port must have no address.
func (c *WANClient) Current() (lease WANLease, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.lease, c.seen.ok
}

// Changed returns a channel that is closed when Current or Problems next say
// something else.
func (c *WANClient) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Problems returns what is wrong, key → sentence.
func (c *WANClient) Problems() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen.problems)
}

// look compares the port with what it was and tells the machine.
func (c *WANClient) look(now time.Time) {
	if !c.enabled {
		return
	}
	info, present, err := c.line.Port(c.port)
	if err != nil {
		c.trouble("wan.look", "The box cannot look at its broadband port. Restart the box.", err)
		return
	}
	c.trouble("wan.look", "", nil)
	if c.m != nil && (!present || info.index != c.info.index || info.mac != c.info.mac) {
		c.m = nil // the card is gone, or is another one
		c.info = portInfo{}
	}
	was := c.m != nil && c.info.signal
	c.info, c.present = info, present
	if !present {
		return
	}
	if c.m == nil {
		memory, inUse := c.remember(now)
		c.m = newMachine(info.mac, memory, inUse, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	}
	switch {
	case info.signal && !was:
		c.m.linkUp(now)
	case !info.signal && was || c.m.state == stateDown:
		c.m.linkDown()
	}
}

// remember reads the last lease and whether the kernel still uses it.
func (c *WANClient) remember(now time.Time) (memory *WANLease, inUse bool) {
	memory, err := loadLease(c.file, c.port, c.info.mac, now)
	if err != nil {
		// Worth a line, not a sentence: the router will give another lease.
		c.log.Warn("the last lease is unreadable", "err", err)
		return nil, false
	}
	if memory == nil {
		return nil, false
	}
	c.saved = *memory
	inUse, err = c.line.Holds(c.port, memory.Addr)
	if err != nil {
		c.log.Warn("cannot see whether the last address is in use", "err", err)
	}
	return memory, inUse
}

// save writes the lease to the file: at once when it is another one, and when
// its end has moved by a minute, so that a router which lends for seconds does
// not wear the flash out.
func (c *WANClient) save() {
	l := c.m.lease
	if c.file == "" || l == nil || l.same(c.saved) && l.Server == c.saved.Server && l.Expires.Sub(c.saved.Expires) < time.Minute {
		return
	}
	b, err := formatLease(c.port, c.info.mac, *l)
	if err == nil {
		_, err = replaceFile(c.file, b, 0o600)
	}
	if err != nil {
		c.trouble("wan.file", "The box cannot remember its broadband address, because its disk does not take it: after a restart the internet may take some seconds longer.", err)
		return
	}
	c.trouble("wan.file", "", nil)
	c.saved = *l
}

// trouble notes or clears a sentence; a new one is logged with its error.
func (c *WANClient) trouble(key, sentence string, err error) {
	if sentence == "" {
		delete(c.troubles, key)
		return
	}
	if c.troubles[key] != sentence {
		c.log.Error("DHCP on the broadband port", "port", c.port, "err", err)
	}
	c.troubles[key] = sentence
}

// tell wakes those who wait for Changed, if there is something to hear.
func (c *WANClient) tell() {
	now := answered{problems: maps.Clone(c.troubles)}
	if c.m != nil {
		if c.m.lease != nil {
			now.lease, now.ok = *c.m.lease, true
		}
		if s := c.m.problem(c.port); s != "" {
			now.problems["wan.dhcp"] = s
		}
	}
	old := c.seen
	if now.ok == old.ok && now.lease.same(old.lease) && now.lease.Expires.Equal(old.lease.Expires) && maps.Equal(now.problems, old.problems) {
		return
	}
	if now.ok && (!old.ok || !now.lease.same(old.lease)) {
		c.log.Info("broadband address", "port", c.port, "address", now.lease.Addr, "gateway", now.lease.Gateway, "until", now.lease.Expires)
	} else if old.ok && !now.ok {
		c.log.Warn("broadband address lost", "port", c.port, "address", old.lease.Addr)
	}
	c.seen = now
	close(c.changed)
	c.changed = make(chan struct{})
}

// received is one datagram from the wire.
type received struct {
	payload []byte
	from    identity.MAC
}

// Run obtains and renews the lease until ctx ends.
func (c *WANClient) Run(ctx context.Context) error {
	links, err := c.line.Watch(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	r := &runner{c: c, timer: time.NewTimer(0)}
	defer r.timer.Stop()
	defer r.close()
	for {
		r.turn()
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-links:
			if !ok {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("%s: link events ended", c)
			}
		case <-c.kick:
		case <-r.timer.C:
		case d, ok := <-r.in:
			if !ok { // the socket died; the port has most likely been pulled out
				r.close()
				r.wait = time.Now().Add(time.Second)
				break
			}
			r.receive(d)
		}
	}
}

// runner is the part of a client that only Run touches.
type runner struct {
	c     *WANClient
	timer *time.Timer
	wire  wire
	index int // of the port the wire is on
	in    chan received
	gone  chan struct{} // closed with the wire
	wait  time.Time     // before this no new wire is opened
}

// turn looks at the port, sends what is due and sets the timer.
func (r *runner) turn() {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.look(now)
	r.open(now)
	next := r.wait
	if c.m != nil {
		if out, ok := c.m.tick(now); ok && r.wire != nil {
			if err := r.wire.Send(out); err != nil {
				// A cable that was pulled out this instant; retransmission covers it.
				c.log.Debug("sending", "port", c.port, "err", err)
			}
		}
		if at := c.m.next; next.IsZero() || !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	if next.IsZero() {
		r.timer.Stop()
	} else {
		r.timer.Reset(max(next.Sub(now), 0))
	}
	c.tell()
}

// open listens where the client now is, and no longer where it was.
func (r *runner) open(now time.Time) {
	c := r.c
	want := c.m != nil && c.m.state != stateDown
	if r.wire != nil && (!want || r.index != c.info.index) {
		r.close()
	}
	if !want {
		r.wait = time.Time{}
		return
	}
	if r.wire != nil || now.Before(r.wait) {
		return
	}
	w, err := c.line.Open(c.port)
	if err != nil {
		c.trouble("wan.open", "The box cannot use its broadband port. Restart the box.", err)
		r.wait = now.Add(5 * time.Second)
		return
	}
	c.trouble("wan.open", "", nil)
	r.wire, r.index, r.wait = w, c.info.index, time.Time{}
	r.in, r.gone = make(chan received, 16), make(chan struct{})
	go listen(w, r.in, r.gone)
	// Whatever was asked before had nobody to hear the answer.
	c.m.linkUp(now)
}

func (r *runner) close() {
	if r.wire == nil {
		return
	}
	close(r.gone)
	if err := r.wire.Close(); err != nil {
		r.c.log.Debug("closing the wire", "err", err)
	}
	r.wire, r.in, r.gone = nil, nil, nil
}

// listen passes on what comes from the wire until it is closed.
func listen(w wire, in chan<- received, gone <-chan struct{}) {
	defer close(in)
	for {
		payload, from, err := w.Receive()
		if err != nil {
			return
		}
		select {
		case in <- received{append([]byte(nil), payload...), from}:
		case <-gone:
			return
		}
	}
}

// receive hands one datagram to the machine. A hostile one costs itself.
func (r *runner) receive(d received) {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("a DHCP answer made the client stumble", "port", c.port, "panic", p)
		}
	}()
	msg, err := dhcpv4.FromBytes(d.payload)
	if err != nil || c.m == nil {
		return
	}
	if c.m.receive(msg, d.from, time.Now()) {
		c.save()
	}
}
