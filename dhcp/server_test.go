package dhcp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
	"stairgate/dhcp"
)

// fakeWire is an interface made of channels.
type fakeWire struct {
	index    int
	gone     error
	messages *fakeSocket
	arp      *fakeSocket
	opened   int
}

func newWire() *fakeWire { return &fakeWire{index: 7} }

func (w *fakeWire) Index(string) (int, error) { return w.index, w.gone }

func (w *fakeWire) Open(string) (messages, arp dhcp.Socket, err error) {
	w.opened++
	w.messages, w.arp = newSocket(), newSocket()
	return w.messages, w.arp, nil
}

type fakeSocket struct {
	in     chan []byte
	out    chan sent
	closed chan struct{}
}

type sent struct {
	b  []byte
	to dhcp.Destination
}

func newSocket() *fakeSocket {
	return &fakeSocket{make(chan []byte), make(chan sent, 1000), make(chan struct{})}
}

func (s *fakeSocket) Receive(b []byte) (int, error) {
	select {
	case p := <-s.in:
		return copy(b, p), nil
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *fakeSocket) Send(b []byte, to dhcp.Destination) error {
	s.out <- sent{b, to}
	return nil
}

func (s *fakeSocket) Close() error {
	close(s.closed)
	return nil
}

// fakeJournal is a disk that can be slow or full.
type fakeJournal struct {
	mu      sync.Mutex
	groups  [][]dhcp.Lease
	refuse  error
	blocked chan struct{} // when not nil Commit waits for it
	entered chan struct{}
}

func (j *fakeJournal) Load() ([]dhcp.Lease, error) { return nil, nil }

func (j *fakeJournal) Commit(l []dhcp.Lease) error {
	if j.blocked != nil {
		j.entered <- struct{}{}
		<-j.blocked
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refuse != nil {
		return j.refuse
	}
	j.groups = append(j.groups, slices.Clone(l))
	return nil
}

// bench is a running server on fakes, inside a synctest bubble.
type bench struct {
	*dhcp.Server
	t    *testing.T
	wire *fakeWire
	disk *fakeJournal
	read atomic.Int64 // readings of the clock
}

// now is a clock that moves between two readings, as real ones do.
func (b *bench) now() time.Time {
	return time.Now().Add(time.Duration(b.read.Add(1)) * time.Nanosecond)
}

func small() dhcp.Subnet {
	return dhcp.Subnet{
		Zone: "school", Name: "School", Interface: "br-school", Addr: netip.MustParsePrefix("192.168.77.1/24"),
		From: netip.MustParseAddr("192.168.77.100"), To: netip.MustParseAddr("192.168.77.149"), Lease: time.Hour, Domain: "school.internal",
	}
}

func bubble(t *testing.T, n dhcp.Subnet, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, wire: newWire(), disk: &fakeJournal{}}
		var err error
		b.Server, err = dhcp.NewServer(dhcp.Options{Journal: b.disk, Wire: b.wire, Now: b.now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Set([]dhcp.Subnet{n}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		f(b)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

// say sends a message and returns what the server said within a second.
func (b *bench) say(kind dhcpv4.MessageType, mac identity.MAC, options ...dhcpv4.Option) *dhcpv4.DHCPv4 {
	b.t.Helper()
	b.put(kind, mac, options...)
	select {
	case p := <-b.wire.messages.out:
		m, err := dhcpv4.FromBytes(p.b)
		if err != nil {
			b.t.Fatal(err)
		}
		return m
	case <-time.After(time.Second):
		return nil
	}
}

func (b *bench) put(kind dhcpv4.MessageType, mac identity.MAC, options ...dhcpv4.Option) {
	b.t.Helper()
	m, err := dhcpv4.New(dhcpv4.WithHwAddr(mac[:]), dhcpv4.WithMessageType(kind))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, o := range options {
		m.UpdateOption(o)
	}
	b.wire.messages.in <- m.ToBytes()
	synctest.Wait()
}

func (b *bench) join(mac identity.MAC) *dhcpv4.DHCPv4 {
	b.t.Helper()
	offer := b.say(dhcpv4.MessageTypeDiscover, mac)
	if offer == nil {
		return nil
	}
	return b.say(dhcpv4.MessageTypeRequest, mac, dhcpv4.OptRequestedIPAddress(offer.YourIPAddr), dhcpv4.OptServerIdentifier(net.IP{192, 168, 77, 1}))
}

// pass lets synthetic time pass.
func pass(d time.Duration) { <-time.After(d) }

func mac(n int) identity.MAC { return identity.MAC{2, 0, 0, 1, byte(n >> 8), byte(n)} }

// arpFrame is an ARP packet of a device that says addr is its own.
func arpFrame(from identity.MAC, sender, target netip.Addr) []byte {
	f := make([]byte, 42)
	copy(f[6:], from[:])
	copy(f[12:], []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 2})
	copy(f[22:], from[:])
	copy(f[28:], sender.AsSlice())
	copy(f[38:], target.AsSlice())
	return f
}

func TestNoAckBeforeTheDiskHasTheLease(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		offer := b.say(dhcpv4.MessageTypeDiscover, mac(1))
		b.disk.blocked, b.disk.entered = make(chan struct{}), make(chan struct{}, 10)
		b.put(dhcpv4.MessageTypeRequest, mac(1), dhcpv4.OptRequestedIPAddress(offer.YourIPAddr), dhcpv4.OptServerIdentifier(net.IP{192, 168, 77, 1}))
		<-b.disk.entered
		// Ten more ask while the disk is busy.
		for n := 2; n < 12; n++ {
			b.put(dhcpv4.MessageTypeRequest, mac(n), dhcpv4.OptRequestedIPAddress(net.IP{192, 168, 77, byte(120 + n)}))
		}
		if len(b.wire.messages.out) != 0 || len(b.Leases()) != 0 {
			t.Fatal("an ACK left, or a lease counts, before it was on disk")
		}
		close(b.disk.blocked)
		synctest.Wait()
		if n := len(b.wire.messages.out); n != 11 {
			t.Errorf("%d ACKs", n)
		}
		if len(b.disk.groups) != 2 || len(b.disk.groups[1]) != 10 {
			t.Errorf("%d writes; the ten that waited should share one", len(b.disk.groups))
		}
	})
}

func TestADiskThatRefusesMeansNoLeaseAndASentence(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		b.disk.refuse = errors.New("no space left on device")
		if ack := b.join(mac(1)); ack != nil {
			t.Fatalf("ACK %v without a record", ack)
		}
		if s := b.Problems()["journal"]; !strings.Contains(s, "no space left") || !strings.Contains(s, "Free space") {
			t.Errorf("sentence %q", s)
		}
		b.disk.refuse = nil
		if ack := b.join(mac(2)); ack == nil || ack.MessageType() != dhcpv4.MessageTypeAck {
			t.Errorf("no ACK after the disk was mended: %v", ack)
		}
		if p := b.Problems(); len(p) != 0 {
			t.Errorf("still ill: %v", p)
		}
	})
}

func TestAFullPoolIsIllHealthThatClearsItself(t *testing.T) {
	n := small()
	n.To = netip.MustParseAddr("192.168.77.102")
	bubble(t, n, func(b *bench) {
		for i := range 3 {
			if b.join(mac(i)) == nil {
				t.Fatal("no lease")
			}
		}
		if b.join(mac(9)) != nil {
			t.Error("a fourth lease out of three addresses")
		}
		want := "The network “School” has given out all 3 addresses of its pool, so a device that is new cannot join. Make the pool larger, or the lease time shorter."
		if got := b.Problems()["pool.school"]; got != want {
			t.Errorf("got %q", got)
		}
		// The ones that are there go on.
		if m := b.say(dhcpv4.MessageTypeRequest, mac(0), dhcpv4.OptRequestedIPAddress(b.lease(mac(0)))); m == nil || m.MessageType() != dhcpv4.MessageTypeAck {
			t.Errorf("an old client: %v", m)
		}
		pass(61 * time.Minute)
		if p := b.Problems(); len(p) != 0 {
			t.Errorf("still ill: %v", p)
		}
	})
}

func (b *bench) lease(m identity.MAC) net.IP {
	for _, l := range b.Leases() {
		if l.MAC == m {
			return l.Addr.AsSlice()
		}
	}
	b.t.Fatalf("no lease of %v", m)
	return nil
}

func TestMadeUpClientsDoNotHoldThePool(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		for i := range 200 { // four times the pool, none comes back
			b.put(dhcpv4.MessageTypeDiscover, mac(1000+i))
		}
		if p := b.Problems(); len(p) != 0 {
			t.Errorf("offers are not leases: %v", p)
		}
		pass(4 * time.Second) // a probe and the shortest time an offer is held
		for len(b.wire.messages.out) > 0 {
			<-b.wire.messages.out
		}
		if ack := b.join(mac(1)); ack == nil {
			t.Error("a real client gets nothing")
		}
	})
}

func TestTooManyMessagesOfOneClient(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		for range 100 {
			b.put(dhcpv4.MessageTypeDiscover, mac(1))
		}
		if n := b.Counts()[dhcp.DropRate]; n != 84 {
			t.Errorf("%d dropped", n)
		}
		if b.join(mac(2)) == nil {
			t.Error("another client suffers")
		}
		pass(10 * time.Second)
		for len(b.wire.messages.out) > 0 {
			<-b.wire.messages.out
		}
		if b.say(dhcpv4.MessageTypeDiscover, mac(1)) == nil {
			t.Error("the client is locked out for ever")
		}
	})
}

func TestTheProbeDelaysOnlyItsOwnClient(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		b.join(mac(1))
		start := time.Now()
		b.put(dhcpv4.MessageTypeDiscover, mac(2)) // probes
		if m := b.say(dhcpv4.MessageTypeRequest, mac(1), dhcpv4.OptRequestedIPAddress(b.lease(mac(1)))); m == nil || time.Since(start) != 0 {
			t.Errorf("a known client waited %v", time.Since(start))
		}
		p := <-b.wire.messages.out
		if took := time.Since(start); took < 200*time.Millisecond || took > 300*time.Millisecond {
			t.Errorf("the offer came after %v", took)
		}
		m, err := dhcpv4.FromBytes(p.b)
		if err != nil || m.MessageType() != dhcpv4.MessageTypeOffer {
			t.Fatalf("%v %v", m, err)
		}
	})
}

func TestEveryAddressInUseIsLeftAlone(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		squatter := identity.MAC{2, 9, 9, 9, 9, 9}
		b.put(dhcpv4.MessageTypeDiscover, mac(1))
		var asked netip.Addr
		for len(b.wire.arp.out) > 0 {
			p := <-b.wire.arp.out
			asked = p.to.Addr
		}
		b.wire.arp.in <- arpFrame(squatter, asked, netip.MustParseAddr("192.168.77.1"))
		p := <-b.wire.messages.out
		m, err := dhcpv4.FromBytes(p.b)
		if err != nil {
			t.Fatal(err)
		}
		if m.YourIPAddr.Equal(asked.AsSlice()) {
			t.Errorf("offered %v, which is in use", asked)
		}
		if s := b.Problems()["conflict.school"]; !strings.Contains(s, squatter.String()) || !strings.Contains(s, asked.String()) {
			t.Errorf("sentence %q", s)
		}
		pass(16 * time.Minute)
		if p := b.Problems(); len(p) != 0 || len(b.Quarantined()) != 0 {
			t.Errorf("still ill: %v", p)
		}
	})
}

func TestAnotherServerIsReported(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		b.put(dhcpv4.MessageTypeRequest, mac(1), dhcpv4.OptRequestedIPAddress(net.IP{10, 0, 0, 9}), dhcpv4.OptServerIdentifier(net.IP{10, 0, 0, 1}))
		if s := b.Problems()["rogue.school"]; !strings.Contains(s, "Another device (10.0.0.1) gives out addresses on the network “School”") {
			t.Errorf("sentence %q", s)
		}
	})
}

func TestSetAgainOpensOnlyWhatIsMissing(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		for range 3 {
			if err := b.Set([]dhcp.Subnet{small()}); err != nil {
				t.Fatal(err)
			}
		}
		if b.wire.opened != 1 {
			t.Errorf("opened %d times", b.wire.opened)
		}
		b.wire.index = 8 // taken away and made again
		if err := b.Set([]dhcp.Subnet{small()}); err != nil || b.wire.opened != 2 {
			t.Errorf("opened %d times: %v", b.wire.opened, err)
		}
		b.wire.gone = errors.New("no such device")
		if err := b.Set([]dhcp.Subnet{small()}); err == nil {
			t.Error("no error")
		}
		if s := b.Problems()["link.school"]; !strings.Contains(s, "No addresses are given out on the network “School”") {
			t.Errorf("sentence %q", s)
		}
		b.wire.gone = nil
		if err := b.Set([]dhcp.Subnet{small()}); err != nil || b.wire.opened != 3 || len(b.Problems()) != 0 {
			t.Errorf("opened %d times: %v, %v", b.wire.opened, err, b.Problems())
		}
	})
}

func TestAHostilePacketCostsOnePacket(t *testing.T) {
	bubble(t, small(), func(b *bench) {
		for _, p := range [][]byte{nil, {1}, make([]byte, 300), make([]byte, 1500)} {
			b.wire.messages.in <- p
			b.wire.arp.in <- p
		}
		synctest.Wait()
		if b.join(mac(1)) == nil {
			t.Error("the server is dead")
		}
		if n := b.Counts()[dhcp.DropMalformed]; n != 4 {
			t.Errorf("%d malformed", n)
		}
	})
}

// bomb is a journal nobody can read.
type bomb struct{ dhcp.Journal }

func (bomb) Load() ([]dhcp.Lease, error) { return nil, fmt.Errorf("the records are gone") }

func TestARecordThatCannotBeReadIsAnError(t *testing.T) {
	if _, err := dhcp.NewServer(dhcp.Options{Journal: bomb{}}); err == nil || !strings.Contains(err.Error(), "the records are gone") {
		t.Errorf("error %v", err)
	}
}
