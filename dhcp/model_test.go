package dhcp_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dhcp"
)

// model plays clients and a disk around a State and watches what a client may
// rely on: an address it was told ACK for is its own until the time it was told,
// or until it gave it back.
type model struct {
	state    *dhcp.State
	subnet   dhcp.Subnet
	now      time.Time
	believes map[netip.Addr]belief
	disk     map[netip.Addr]dhcp.Lease
	queue    []dhcp.Decision // recorded a little later, in order
	standing dhcp.Standing
}

type belief struct {
	mac   identity.MAC
	until time.Time
}

func newModel() *model {
	m := &model{
		now: epoch, believes: map[netip.Addr]belief{}, disk: map[netip.Addr]dhcp.Lease{},
		subnet: dhcp.Subnet{
			Zone: "school", Addr: netip.MustParsePrefix("10.0.0.1/28"), From: netip.MustParseAddr("10.0.0.1"),
			To: netip.MustParseAddr("10.0.0.8"), Lease: time.Hour,
			Reservations: []config.Reservation{
				{MAC: clientMAC(0), Addr: netip.MustParseAddr("10.0.0.5"), Name: "printer"},
				{MAC: clientMAC(1), Addr: netip.MustParseAddr("10.0.0.12")},
			},
		},
	}
	m.state = dhcp.NewState(nil)
	if err := m.state.Set([]dhcp.Subnet{m.subnet}, m.now); err != nil {
		panic(err)
	}
	return m
}

func clientMAC(n byte) identity.MAC { return identity.MAC{2, 0, 0, 0, 0, n} }

// hear gives a message to the server. The disk is behind by up to four decisions.
func (m *model) hear(r dhcp.Request, lag int) error {
	m.state.Expire(m.now)
	d := dhcp.Reply(m.state, r, m.now)
	m.state.Apply(d, m.now)
	if d.Probe {
		m.state.Verified(d.Zone, d.Hold.Addr)
		return nil
	}
	m.queue = append(m.queue, d)
	for len(m.queue) > lag {
		if err := m.record(); err != nil {
			return err
		}
	}
	return nil
}

// record does the oldest write and lets its reply go.
func (m *model) record() error {
	d := m.queue[0]
	m.queue = m.queue[1:]
	m.state.Commit(d.Commit, m.now)
	for _, l := range d.Commit {
		if m.disk[l.Addr] = l; l.Expires.IsZero() {
			delete(m.disk, l.Addr)
		}
		if b, ok := m.believes[l.Addr]; ok && b.mac == l.MAC && !l.Expires.After(m.now) {
			delete(m.believes, l.Addr) // it gave it back itself
		}
	}
	if err := m.names(); err != nil {
		return err
	}
	if d.Reply == nil || d.Reply.Type() != dhcpv4.MessageTypeAck || d.Reason == dhcp.Informed {
		return nil
	}
	h, err := dhcpv4.FromBytes(d.Reply.Bytes())
	if err != nil {
		return fmt.Errorf("a reply nobody can read: %w", err)
	}
	addr, ok := netip.AddrFromSlice(h.YourIPAddr.To4())
	mac := identity.MAC(h.ClientHWAddr)
	switch b := m.believes[addr]; {
	case !ok || !m.subnet.Addr.Contains(addr) || addr == m.subnet.Addr.Addr():
		return fmt.Errorf("%v is no address for a client", addr)
	case b.until.After(m.now) && b.mac != mac && !m.gives(b.mac, mac):
		return fmt.Errorf("%v given to %v while %v has it until %v", addr, mac, b.mac, b.until)
	}
	reserved := false
	for _, r := range m.subnet.Reservations {
		if reserved = reserved || r.Addr == addr; r.Addr == addr && r.MAC != mac {
			return fmt.Errorf("%v is reserved for %v and went to %v", addr, r.MAC, mac)
		}
	}
	if !reserved && (addr.Less(m.subnet.From) || m.subnet.To.Less(addr)) {
		return fmt.Errorf("%v lies outside the pool", addr)
	}
	until := m.now.Add(h.IPAddressLeaseTime(0))
	if l := m.disk[addr]; l.MAC != mac || l.Expires.Before(until.Add(-time.Minute)) {
		return fmt.Errorf("%v was told to %v until %v, on record is %+v", addr, mac, until, l)
	}
	m.believes[addr] = belief{mac, m.disk[addr].Expires}
	return nil
}

// gives says whether one client may lose its address to another.
func (m *model) gives(loser, winner identity.MAC) bool {
	return m.standing.Known[winner] && !m.standing.Known[loser] && !m.standing.Seated[loser]
}

// names fails when two leases in force have one name.
func (m *model) names() error {
	seen := map[string]netip.Addr{}
	for _, l := range m.state.Leases(m.now) {
		if a, ok := seen[l.Hostname]; ok {
			return fmt.Errorf("%v and %v are both called %q", a, l.Addr, l.Hostname)
		}
		seen[l.Hostname] = l.Addr
	}
	return nil
}

// restart forgets what was not on disk.
func (m *model) restart() error {
	var leases []dhcp.Lease
	for _, l := range m.disk {
		leases = append(leases, l)
	}
	m.queue = nil
	m.state = dhcp.NewState(leases)
	m.state.Know(m.standing)
	return m.state.Set([]dhcp.Subnet{m.subnet}, m.now)
}

// step does one thing that a byte string stands for.
func (m *model) step(op, who, what byte) error {
	msg, err := dhcpv4.New(dhcpv4.WithHwAddr(func() net.HardwareAddr { c := clientMAC(who % 12); return c[:] }()))
	if err != nil {
		return err
	}
	addr := netip.AddrFrom4([4]byte{10, 0, 0, what % 18})
	opt := func(code byte, v ...byte) { msg.Options[code] = v }
	opt(12, []byte("ipad")...)
	server := m.subnet.Addr.Addr().AsSlice()
	switch op % 12 {
	case 0, 1:
		opt(53, 1)
		if what > 128 {
			opt(50, addr.AsSlice()...)
		}
	case 2, 3: // takes what it is offered: the model looks into the state's answer
		opt(53, 1)
		if err := m.hear(dhcp.NewRequest("school", msg), 4); err != nil {
			return err
		}
		d := dhcp.Reply(m.state, dhcp.NewRequest("school", msg), m.now)
		if d.Hold == nil {
			return nil
		}
		opt(53, 3)
		opt(54, server...)
		opt(50, d.Hold.Addr.AsSlice()...)
	case 4:
		opt(53, 3)
		opt(54, server...)
		opt(50, addr.AsSlice()...)
	case 5:
		opt(53, 3)
		opt(50, addr.AsSlice()...)
	case 6, 7:
		opt(53, 3)
		msg.ClientIPAddr = addr.AsSlice()
	case 8:
		opt(53, 4)
		opt(50, addr.AsSlice()...)
	case 9:
		opt(53, 7)
		msg.ClientIPAddr = addr.AsSlice()
	case 10:
		for len(m.queue) > 0 { // no disk is so slow that time passes
			if err := m.record(); err != nil {
				return err
			}
		}
		m.now = m.now.Add(time.Duration(what) * 30 * time.Second)
		return nil
	case 11:
		switch what % 8 {
		case 0:
			return m.restart()
		case 1:
			if !m.state.Answered("school", addr, clientMAC(who), m.now) {
				m.state.Saw("school", addr, clientMAC(who), m.now)
			}
		case 2:
			n := m.subnet
			n.Name = fmt.Sprint(what) // a change that moves nothing
			return m.state.Set([]dhcp.Subnet{n}, m.now)
		}
		return nil
	}
	return m.hear(dhcp.NewRequest("school", msg), int(what%5))
}

func TestNoAddressBelongsToTwoClients(t *testing.T) {
	for seed := range uint64(800) {
		m := newModel()
		if seed%2 == 1 { // some are known, somebody is signed in on some others
			m.standing = dhcp.Standing{
				Known:  map[identity.MAC]bool{clientMAC(1): true, clientMAC(3): true, clientMAC(4): true, clientMAC(7): true},
				Seated: map[identity.MAC]bool{clientMAC(5): true},
			}
			m.state.Know(m.standing)
		}
		r := rand.New(rand.NewPCG(seed, 7))
		for i := range 600 {
			if err := m.step(byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			}
		}
	}
}

func FuzzNoAddressBelongsToTwoClients(f *testing.F) {
	f.Add([]byte{2, 0, 0, 2, 1, 0, 10, 0, 200, 2, 2, 0, 9, 0, 5})
	f.Add([]byte{5, 3, 3, 6, 3, 3, 9, 3, 3, 5, 4, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newModel()
		for b = b[:min(len(b), 3000)]; len(b) >= 3; b = b[3:] {
			if err := m.step(b[0], b[1], b[2]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzDatagram gives the server anything at all.
func FuzzDatagram(f *testing.F) {
	plain, err := dhcpv4.NewDiscovery(net.HardwareAddr{2, 0, 0, 0, 0, 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain.ToBytes())
	plain.Options[52] = []byte{3}
	f.Add(plain.ToBytes())
	plain.Options[81] = []byte{4, 0, 0, 200, 1}
	plain.Options[12] = make([]byte, 255)
	plain.Options[57] = []byte{0, 0}
	f.Add(plain.ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newModel()
		r, err := dhcp.ParseRequest("school", b)
		if err != nil {
			return
		}
		for range 2 {
			if err := m.hear(r, 0); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range m.state.Leases(m.now) {
			if n := len(l.Hostname); n < 1 || n > 63 {
				t.Errorf("host name of %d bytes", n)
			}
			for i, c := range []byte(l.Hostname) {
				if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0 || i == len(l.Hostname)-1) {
					t.Errorf("host name %q is no DNS label", l.Hostname)
				}
			}
		}
	})
}
