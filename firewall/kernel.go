package firewall

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
)

// batch is the most elements one netlink message carries: the kernel's nested
// attribute holds 64 KiB.
const batch = 500

// patience is how long one exchange with the kernel may take. A kernel that
// answers fewer messages than it was sent must not hold up the loop for ever.
const patience = 10 * time.Second

// Firewall is the kernel's side of the rules, in the network namespace in which
// Open was called.
type Firewall struct {
	mu sync.Mutex
	ns *os.File
	// fast holds the elements Admit has put in since the last Apply. Drift is
	// asked about an older wish and must not take them for strangers.
	fast map[Key]bool
	// flush sends a transaction; a test puts one here that loses it.
	flush func(*nftables.Conn) error
}

// Open prepares for talking to the kernel. It changes nothing.
func Open() (*Firewall, error) {
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("opening the network namespace: %w", err)
	}
	return &Firewall{ns: ns, fast: make(map[Key]bool), flush: (*nftables.Conn).Flush}, nil
}

// Close lets go of the kernel and leaves the rules in force.
func (f *Firewall) Close() error { return f.ns.Close() }

// Apply makes the kernel hold rs, all of it, in one transaction. It reports
// whether anything had to be changed; when nothing had, nothing was written.
// Timeouts in rs count from its Compile: apply it at once.
//
// Afterwards everything is read back. Some kernels lose a transaction without a
// word when a module is missing; that is an error here, and the old rules are
// still in force.
//
// The box's tables are ours alone: a table of anybody else is removed.
func (f *Firewall) Apply(rs Ruleset) (changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// An element may leave by itself between the reading and the writing, and
	// then deleting it fails the whole transaction. Look again.
	for range 3 {
		changed, err = f.apply(rs)
		if !errors.Is(err, syscall.ENOENT) {
			break
		}
	}
	if err == nil {
		clear(f.fast)
	}
	return changed, err
}

func (f *Firewall) apply(rs Ruleset) (changed bool, err error) {
	c, done, err := f.dial()
	if err != nil {
		return false, err
	}
	defer done()
	was, err := observe(c)
	if err != nil {
		return false, fmt.Errorf("reading the rules in force: %w", err)
	}
	frame, elements := frameDifferences(rs, was), elementChanges(rs, was, 0, nil)
	switch {
	case len(frame) > 0:
		err = rebuild(c, rs, was)
	case len(elements) > 0:
		err = exchange(c, elements)
	default:
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := f.flush(c); err != nil {
		return false, fmt.Errorf("writing the rules: %w", err)
	}
	left, err := settle(func(age time.Duration) ([]string, bool, error) { return differences(c, rs, age, nil) })
	if err != nil {
		return true, fmt.Errorf("reading the rules back: %w", err)
	}
	if len(left) > 0 {
		return true, fmt.Errorf("the kernel took the rules without a word and does not hold them: %s", joined(left))
	}
	return true, nil
}

// Drift says in sentences how the kernel differs from rs; none when it does not.
// Give it what ought to be in force, compiled now: configuration and snapshot of
// the last Apply with the present time. Apply repairs what it finds.
func (f *Firewall) Drift(rs Ruleset) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, done, err := f.dial()
	if err != nil {
		return nil, err
	}
	defer done()
	found, err := settle(func(age time.Duration) ([]string, bool, error) { return differences(c, rs, age, f.fast) })
	if err != nil {
		return nil, fmt.Errorf("reading the rules in force: %w", err)
	}
	return shorten(found), nil
}

// differences reads the kernel and compares it with a ruleset of that age; final
// is false when only elements differ.
func differences(c *nftables.Conn, rs Ruleset, age time.Duration, ignore map[Key]bool) (list []string, final bool, err error) {
	o, err := observe(c)
	if err != nil {
		return nil, true, err
	}
	if frame := frameDifferences(rs, o); len(frame) > 0 {
		list, final = frame, true
	}
	if o.table != nil {
		for _, ch := range elementChanges(rs, o, age, ignore) {
			list = append(list, ch.why...)
		}
	}
	return list, final, nil
}

// settle repeats a comparison that finds elements amiss until it finds none or a
// second has passed. While the kernel makes a set's hash table larger, which it
// does in the background after many elements have come, a listing leaves some
// out that are there.
func settle(compare func(age time.Duration) (list []string, final bool, err error)) ([]string, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for start := time.Now(); ; <-again.C {
		age := time.Since(start)
		list, final, err := compare(age)
		if err != nil || final || len(list) == 0 || age > time.Second {
			return list, err
		}
	}
}

// rebuild replaces the table. The kernel switches from the old to the new
// between two packets.
func rebuild(c *nftables.Conn, rs Ruleset, was observed) error {
	for _, t := range was.foreign {
		c.DelTable(t)
	}
	if was.table != nil {
		c.DelTable(table())
	}
	c.AddTable(table())
	for _, s := range rs.Sets {
		if err := c.AddSet(s.kernel(), nil); err != nil {
			return fmt.Errorf("preparing set %s: %w", s.Name, err)
		}
		if err := exchange(c, []change{{set: s, add: s.Elements}}); err != nil {
			return err
		}
	}
	// All chains before any rule, for a goto may point forward.
	for _, ch := range rs.Chains {
		c.AddChain(ch.kernel())
	}
	for _, ch := range rs.Chains {
		for _, r := range ch.Rules {
			c.AddRule(&nftables.Rule{Table: table(), Chain: ch.kernel(), Exprs: render(r), UserData: comment(r)})
		}
	}
	return nil
}

// exchange takes elements out and puts elements in.
func exchange(c *nftables.Conn, changes []change) error {
	for _, ch := range changes {
		k := ch.set.kernel()
		for part := range slices.Chunk(ch.del, batch) {
			if err := c.SetDeleteElements(k, ch.set.kernelElements(part)); err != nil {
				return fmt.Errorf("preparing set %s: %w", ch.set.Name, err)
			}
		}
		for part := range slices.Chunk(ch.add, batch) {
			if err := c.SetAddElements(k, ch.set.kernelElements(part)); err != nil {
				return fmt.Errorf("preparing set %s: %w", ch.set.Name, err)
			}
		}
	}
	return nil
}

// dial opens a connection for one piece of work. A fresh one each time: after a
// failed transaction answers may be left over on the old.
func (f *Firewall) dial() (c *nftables.Conn, done func(), err error) {
	c, err = nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(int(f.ns.Fd())), nftables.WithSockOptions(func(s *netlink.Conn) error {
		const room = 4 << 20 // thousands of elements in one transaction and their answers
		if err := errors.Join(s.SetReadBuffer(room), s.SetWriteBuffer(room)); err != nil {
			return err
		}
		return s.SetDeadline(time.Now().Add(patience))
	}))
	if err != nil {
		return nil, nil, fmt.Errorf("talking to the kernel's packet filter: %w", err)
	}
	return c, func() { _ = c.CloseLasting() }, nil
}
