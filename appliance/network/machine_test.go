package network

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
)

var (
	boxMAC    = identity.MAC{2, 0, 0, 0, 0, 1}
	routerMAC = identity.MAC{2, 0, 0, 0, 0, 0x99}
	noon      = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	router    = netip.MustParseAddr("203.0.113.1")
)

// scene is a machine with a clock; play and the others write down what it does.
type scene struct {
	t   *testing.T
	m   *machine
	now time.Time
	log []string
	out outgoing // the last message
}

func newScene(t *testing.T, memory *WANLease, inUse bool) *scene {
	return &scene{t: t, m: newMachine(boxMAC, memory, inUse, rand.New(rand.NewPCG(1, 2))), now: noon}
}

// step lets the machine do what is due now and notes the message.
func (s *scene) step() bool {
	out, ok := s.m.tick(s.now)
	if !ok {
		return false
	}
	s.out = out
	to := "all"
	if out.server.IsValid() {
		to = out.server.String()
	}
	s.log = append(s.log, fmt.Sprintf("%s %s to %s", s.m.state, out.msg.MessageType(), to))
	return true
}

// until goes on from timer to timer until the time has come.
func (s *scene) until(d time.Duration) {
	s.t.Helper()
	end := s.now.Add(d)
	for range 10_000 {
		s.step()
		if s.m.next.IsZero() || s.m.next.After(end) {
			s.now = end
			return
		}
		if s.m.next.After(s.now) {
			s.now = s.m.next
		}
	}
	s.t.Fatalf("the machine never rests: state %s", s.m.state)
}

// reply is a well-formed answer to the last message.
func (s *scene) reply(kind dhcpv4.MessageType, change ...func(*dhcpv4.DHCPv4)) *dhcpv4.DHCPv4 {
	msg, err := dhcpv4.NewReplyFromRequest(s.out.msg)
	if err != nil {
		s.t.Fatal(err)
	}
	msg.UpdateOption(dhcpv4.OptMessageType(kind))
	msg.UpdateOption(dhcpv4.OptServerIdentifier(router.AsSlice()))
	if kind != dhcpv4.MessageTypeNak {
		msg.YourIPAddr = []byte{203, 0, 113, 9}
		msg.UpdateOption(dhcpv4.OptSubnetMask([]byte{255, 255, 255, 0}))
		msg.UpdateOption(dhcpv4.OptRouter(router.AsSlice()))
		msg.UpdateOption(dhcpv4.OptIPAddressLeaseTime(time.Hour))
	}
	for _, f := range change {
		f(msg)
	}
	return msg
}

func (s *scene) answer(kind dhcpv4.MessageType, change ...func(*dhcpv4.DHCPv4)) bool {
	return s.m.receive(s.reply(kind, change...), routerMAC, s.now)
}

// bind brings the machine to a lease of an hour.
func (s *scene) bind() {
	s.t.Helper()
	s.m.linkUp(s.now)
	s.step()
	s.answer(dhcpv4.MessageTypeOffer)
	s.step()
	s.answer(dhcpv4.MessageTypeAck)
	if s.m.state != stateBound || s.m.lease == nil {
		s.t.Fatalf("not bound but %s", s.m.state)
	}
	s.log = nil
}

func (s *scene) expect(lines ...string) {
	s.t.Helper()
	if got, want := strings.Join(s.log, "\n"), strings.Join(lines, "\n"); got != want {
		s.t.Errorf("the machine did\n%s\nand should have done\n%s", got, want)
	}
	s.log = nil
}

func option(code dhcpv4.OptionCode, value ...byte) func(*dhcpv4.DHCPv4) {
	return func(m *dhcpv4.DHCPv4) { m.UpdateOption(dhcpv4.OptGeneric(code, value)) }
}

func leaseTime(s uint32) func(*dhcpv4.DHCPv4) {
	return option(dhcpv4.OptionIPAddressLeaseTime, binary.BigEndian.AppendUint32(nil, s)...)
}

func your(a ...byte) func(*dhcpv4.DHCPv4) { return func(m *dhcpv4.DHCPv4) { m.YourIPAddr = a } }

// remembered is a lease of an hour, half of which is over.
func remembered() *WANLease {
	return &WANLease{
		Addr: netip.MustParsePrefix("203.0.113.9/24"), Gateway: router, Server: router, ServerMAC: routerMAC,
		Obtained: noon.Add(-30 * time.Minute), Renew: noon, Rebind: noon.Add(22 * time.Minute), Expires: noon.Add(30 * time.Minute),
	}
}

func TestALeaseIsObtained(t *testing.T) {
	s := newScene(t, nil, false)
	if s.step() {
		t.Error("a message without a cable")
	}
	s.m.linkUp(s.now)
	s.step()
	if h := s.out.msg.HostName(); h != "" {
		t.Errorf("the box tells its name %q", h)
	}
	if id := s.out.msg.Options.Get(dhcpv4.OptionClientIdentifier); string(id) != "\x01"+string(boxMAC[:]) {
		t.Errorf("client identifier % x", id)
	}
	s.answer(dhcpv4.MessageTypeOffer)
	s.step()
	if a := s.out.msg.RequestedIPAddress(); a.String() != "203.0.113.9" || !s.out.msg.ServerIdentifier().Equal(router.AsSlice()) {
		t.Errorf("requested %s of %s", a, s.out.msg.ServerIdentifier())
	}
	if s.m.lease != nil {
		t.Error("an offer is not a lease")
	}
	s.answer(dhcpv4.MessageTypeAck)
	s.expect("selecting DISCOVER to all", "requesting REQUEST to all")
	l := s.m.lease
	if l == nil || l.Addr.String() != "203.0.113.9/24" || l.Gateway != router || !l.Renew.Equal(noon.Add(30*time.Minute)) ||
		!l.Rebind.Equal(noon.Add(52*time.Minute+30*time.Second)) || !l.Expires.Equal(noon.Add(time.Hour)) || !s.m.next.Equal(l.Renew) {
		t.Errorf("lease %+v, next %v", l, s.m.next)
	}
}

func TestSilenceIsAskedEverMoreRarely(t *testing.T) {
	s := newScene(t, nil, false)
	s.m.linkUp(s.now)
	last, want := s.now, firstWait
	for i := range 12 {
		if !s.step() {
			t.Fatal("no message")
		}
		if s.m.problem("eth0") != "" != (i+1 >= patience) {
			t.Errorf("after %d messages the sentence is %q", i+1, s.m.problem("eth0"))
		}
		if wait := s.m.next.Sub(last); wait < want-time.Second || wait >= want+time.Second {
			t.Errorf("wait %d is %v, not %v ± 1 s", i, wait, want)
		}
		s.now, last = s.m.next, s.m.next
		want = min(2*want, longestWait)
	}
}

func TestRenewalThenRebindingThenTheEnd(t *testing.T) {
	s := newScene(t, nil, false)
	s.bind()
	s.until(30 * time.Minute)
	if s.out.msg.ClientIPAddr.String() != "203.0.113.9" || s.out.from.String() != "203.0.113.9" || s.out.via != routerMAC {
		t.Errorf("the renewal is %+v", s.out)
	}
	s.expect("renewing REQUEST to 203.0.113.1")
	s.until(22*time.Minute + 30*time.Second)
	if last := s.log[len(s.log)-1]; last != "rebinding REQUEST to all" || len(s.log) < 3 || len(s.log) > 20 {
		t.Errorf("until T2: %q", s.log)
	}
	if !strings.Contains(s.m.problem("eth0"), "no longer renews") {
		t.Errorf("sentence %q", s.m.problem("eth0"))
	}
	s.until(7*time.Minute + 29*time.Second)
	if s.m.lease == nil {
		t.Error("the lease ended early")
	}
	s.log = nil
	s.until(time.Second)
	if s.m.lease != nil {
		t.Error("the lease outlived its end")
	}
	s.expect("selecting DISCOVER to all")
	if !strings.Contains(s.m.problem("eth0"), "has run out") {
		t.Errorf("sentence %q", s.m.problem("eth0"))
	}
	s.answer(dhcpv4.MessageTypeOffer)
	s.step()
	s.answer(dhcpv4.MessageTypeAck)
	if p := s.m.problem("eth0"); p != "" || s.m.lease == nil {
		t.Errorf("the router is back, and still: %q", p)
	}
}

func TestARenewedLeaseGoesOn(t *testing.T) {
	s := newScene(t, nil, false)
	s.bind()
	for range 5 {
		s.until(30 * time.Minute)
		if !s.answer(dhcpv4.MessageTypeAck) {
			t.Fatal("the acknowledgement was not taken")
		}
	}
	if s.m.lease == nil || !s.m.lease.Expires.Equal(noon.Add(3*time.Hour+30*time.Minute)) {
		t.Errorf("lease %+v", s.m.lease)
	}
	if len(s.log) != 5 {
		t.Errorf("messages: %q", s.log)
	}
}

func TestANakEndsTheLeaseAtOnce(t *testing.T) {
	s := newScene(t, nil, false)
	s.bind()
	s.until(30 * time.Minute)
	other := option(dhcpv4.OptionServerIdentifier, 203, 0, 113, 66)
	if s.answer(dhcpv4.MessageTypeNak, other) || s.m.lease == nil {
		t.Error("a stranger ended the lease")
	}
	s.log = nil
	if !s.answer(dhcpv4.MessageTypeNak) || s.m.lease != nil {
		t.Error("the server's NAK did not end the lease")
	}
	s.step()
	s.expect("selecting DISCOVER to all")
}

func TestAServerThatRefusesWhatItOffersIsNotAskedInALoop(t *testing.T) {
	s := newScene(t, nil, false)
	s.m.linkUp(s.now)
	sent := 0
	for s.now.Before(noon.Add(5 * time.Minute)) {
		for s.step() {
			if sent++; sent > 30 {
				t.Fatalf("more than 30 messages in %v", s.now.Sub(noon))
			}
			if s.m.state == stateSelecting {
				s.answer(dhcpv4.MessageTypeOffer)
			} else {
				s.answer(dhcpv4.MessageTypeNak)
			}
		}
		s.now = s.m.next
	}
	if !strings.Contains(s.m.problem("eth0"), "again and again") {
		t.Errorf("sentence %q", s.m.problem("eth0"))
	}
}

func TestARestartKeepsTheAddressWhileAsking(t *testing.T) {
	s := newScene(t, remembered(), true)
	if s.m.lease == nil {
		t.Fatal("the address that the kernel uses was dropped before anybody was asked")
	}
	s.m.linkUp(s.now)
	s.step()
	if s.out.msg.RequestedIPAddress().String() != "203.0.113.9" || s.out.msg.ServerIdentifier() != nil || s.out.from != netip.IPv4Unspecified() {
		t.Errorf("asked %s", s.out.msg.Summary())
	}
	s.expect("rebooting REQUEST to all")
	s.answer(dhcpv4.MessageTypeAck)
	if s.m.state != stateBound || !s.m.lease.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("state %s, lease %+v", s.m.state, s.m.lease)
	}
}

func TestARestartOnAnotherLine(t *testing.T) {
	s := newScene(t, remembered(), true)
	s.m.linkUp(s.now)
	// The other router keeps silent about an address it does not know.
	for s.m.state == stateRebooting {
		s.step()
		s.now = s.m.next
	}
	s.expect("rebooting REQUEST to all", "rebooting REQUEST to all", "rebooting REQUEST to all", "selecting DISCOVER to all")
	s.until(0)
	if s.m.lease == nil {
		t.Error("the address was dropped although nobody offered another")
	}
	change := []func(*dhcpv4.DHCPv4){
		your(198, 51, 100, 7), option(dhcpv4.OptionRouter, 198, 51, 100, 1), option(dhcpv4.OptionServerIdentifier, 198, 51, 100, 1),
	}
	s.answer(dhcpv4.MessageTypeOffer, change...)
	s.step()
	s.answer(dhcpv4.MessageTypeAck, change...)
	if s.m.lease.Addr.String() != "198.51.100.7/24" {
		t.Errorf("lease %+v", s.m.lease)
	}
}

// After a power cut the kernel has no address: it waits for the confirmation,
// and when nobody answers it uses the rest of the lease.
func TestAPowerCutWhileTheRouterIsAway(t *testing.T) {
	s := newScene(t, remembered(), false)
	s.m.linkUp(s.now)
	s.step()
	if s.m.lease != nil {
		t.Error("the address is used before it was confirmed")
	}
	s.until(30 * time.Second)
	if s.m.lease == nil {
		t.Error("nobody answered, and the rest of the lease is not used")
	}
	s.until(30 * time.Minute)
	if s.m.lease != nil {
		t.Error("the lease outlived its end")
	}
	if s.m.state != stateSelecting {
		t.Errorf("state %s", s.m.state)
	}
}

func TestTheCableComesOut(t *testing.T) {
	s := newScene(t, nil, false)
	s.bind()
	s.m.linkDown()
	s.until(10 * time.Minute)
	if s.m.lease == nil {
		t.Error("the address did not survive an unplugged cable")
	}
	s.expect()
	s.m.linkUp(s.now)
	s.step()
	s.expect("rebooting REQUEST to all")
	s.answer(dhcpv4.MessageTypeAck)
	s.m.linkDown()
	s.until(2 * time.Hour)
	if s.m.lease != nil {
		t.Error("the lease outlived its end")
	}
	s.expect()
	s.m.linkUp(s.now)
	s.step()
	s.expect("selecting DISCOVER to all")
}

func TestWhatIsNotForUsIsIgnored(t *testing.T) {
	s := newScene(t, nil, false)
	s.m.linkUp(s.now)
	s.step()
	for name, change := range map[string]func(*dhcpv4.DHCPv4){
		"another exchange":       func(m *dhcpv4.DHCPv4) { m.TransactionID[0]++ },
		"another client":         func(m *dhcpv4.DHCPv4) { m.ClientHWAddr = []byte{2, 0, 0, 0, 0, 7} },
		"a request":              func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootRequest },
		"an unasked ACK":         option(dhcpv4.OptionDHCPMessageType, byte(dhcpv4.MessageTypeAck)),
		"an unasked NAK":         option(dhcpv4.OptionDHCPMessageType, byte(dhcpv4.MessageTypeNak)),
		"an Infiniband answer":   func(m *dhcpv4.DHCPv4) { m.ClientHWAddr = make([]byte, 16) },
		"no kind of message":     func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionDHCPMessageType) },
		"a kind nobody knows of": option(dhcpv4.OptionDHCPMessageType, 99),
	} {
		if s.answer(dhcpv4.MessageTypeOffer, change) || s.m.state != stateSelecting {
			t.Errorf("%s was taken", name)
			s.m.state = stateSelecting
		}
	}
	if !s.answer(dhcpv4.MessageTypeOffer) {
		t.Error("the real offer was not taken")
	}
}

func TestHostileOffers(t *testing.T) {
	for name, change := range map[string]func(*dhcpv4.DHCPv4){
		"no address":              your(0, 0, 0, 0),
		"loopback":                your(127, 0, 0, 1),
		"multicast":               your(224, 0, 0, 1),
		"broadcast":               your(255, 255, 255, 255),
		"link local":              your(169, 254, 1, 1),
		"subnet address":          your(203, 0, 113, 0),
		"broadcast of the subnet": your(203, 0, 113, 255),
		"the gateway itself":      your(203, 0, 113, 1),
		"mask with holes":         option(dhcpv4.OptionSubnetMask, 255, 0, 255, 0),
		"mask of nothing":         option(dhcpv4.OptionSubnetMask, 0, 0, 0, 0),
		"short mask":              option(dhcpv4.OptionSubnetMask, 255, 255),
		"no mask":                 func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionSubnetMask) },
		"gateway elsewhere":       option(dhcpv4.OptionRouter, 198, 51, 100, 1),
		"gateway zero":            option(dhcpv4.OptionRouter, 0, 0, 0, 0),
		"gateway is broadcast":    option(dhcpv4.OptionRouter, 203, 0, 113, 255),
		"no time":                 leaseTime(0),
		"no lease time":           func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionIPAddressLeaseTime) },
		"short lease time":        option(dhcpv4.OptionIPAddressLeaseTime, 1, 2),
		"no server":               func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionServerIdentifier) },
		"server zero":             option(dhcpv4.OptionServerIdentifier, 0, 0, 0, 0),
		"two servers":             option(dhcpv4.OptionServerIdentifier, 1, 2, 3, 4, 5, 6, 7, 8),
	} {
		s := newScene(t, nil, false)
		s.m.linkUp(s.now)
		s.step()
		s.answer(dhcpv4.MessageTypeOffer, change)
		if s.m.state != stateSelecting || !strings.Contains(s.m.problem("eth0"), "cannot work") {
			t.Errorf("%s: state %s, sentence %q", name, s.m.state, s.m.problem("eth0"))
		}
	}
}

func TestOddOffersThatWork(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*dhcpv4.DHCPv4)
		want   func(WANLease) bool
	}{
		"single address": {
			func(m *dhcpv4.DHCPv4) {
				option(dhcpv4.OptionSubnetMask, 255, 255, 255, 255)(m)
				option(dhcpv4.OptionRouter, 198, 51, 100, 1)(m)
			},
			func(l WANLease) bool { return l.Addr.Bits() == 32 && l.Gateway.String() == "198.51.100.1" },
		},
		"point to point": {option(dhcpv4.OptionSubnetMask, 255, 255, 255, 254), func(l WANLease) bool { return false }},
		"tiny packets":   {option(dhcpv4.OptionInterfaceMTU, 0, 68), func(l WANLease) bool { return l.MTU == 0 }},
		"PPP packets":    {option(dhcpv4.OptionInterfaceMTU, 0x05, 0xd4), func(l WANLease) bool { return l.MTU == 1492 }},
		"for ever":       {leaseTime(0xffffffff), func(l WANLease) bool { return l.Expires.Sub(noon) > 100*365*24*time.Hour }},
		"one second":     {leaseTime(1), func(l WANLease) bool { return l.Renew.Sub(noon) == time.Second }},
		"no gateway":     {func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionRouter) }, func(l WANLease) bool { return len(l.routes()) == 0 }},
		"T1 after T2": {
			func(m *dhcpv4.DHCPv4) {
				option(dhcpv4.OptionRenewTimeValue, 0, 0, 0x0c, 0)(m)
				option(dhcpv4.OptionRebindingTimeValue, 0, 0, 0x0b, 0)(m)
			},
			func(l WANLease) bool { return l.Renew.Sub(noon) == 30*time.Minute },
		},
		"RFC 3442": {
			option(dhcpv4.OptionClasslessStaticRoute, 0, 203, 0, 113, 2, 15, 198, 18, 203, 0, 113, 3, 10, 100, 64, 0, 0, 0, 0),
			func(l WANLease) bool {
				return !l.Gateway.IsValid() && fmt.Sprint(l.routes()) == "[default via 203.0.113.2 198.18.0.0/15 via 203.0.113.3 100.64.0.0/10]"
			},
		},
		"RFC 3442, cut short":           {option(dhcpv4.OptionClasslessStaticRoute, 0, 203, 0, 113, 2, 24, 1), func(l WANLease) bool { return l.Gateway == router }},
		"RFC 3442, mask of 33":          {option(dhcpv4.OptionClasslessStaticRoute, 33, 1, 2, 3, 4, 5, 1, 2, 3, 4), func(l WANLease) bool { return l.Gateway == router }},
		"RFC 3442, gateway elsewhere":   {option(dhcpv4.OptionClasslessStaticRoute, 0, 8, 8, 8, 8), func(l WANLease) bool { return l.Gateway == router }},
		"RFC 3442, loopback":            {option(dhcpv4.OptionClasslessStaticRoute, 8, 127, 203, 0, 113, 1), func(l WANLease) bool { return l.Gateway == router }},
		"RFC 3442, default on the link": {option(dhcpv4.OptionClasslessStaticRoute, 0, 0, 0, 0, 0), func(l WANLease) bool { return l.Gateway == router }},
	} {
		s := newScene(t, nil, false)
		s.m.linkUp(s.now)
		s.step()
		s.answer(dhcpv4.MessageTypeOffer, c.change)
		if name == "point to point" {
			// 203.0.113.9/31 and a gateway at .1, which is not the other end.
			if s.m.state == stateRequesting {
				t.Errorf("%s was taken", name)
			}
			continue
		}
		if s.m.state != stateRequesting || !c.want(s.m.offer) {
			t.Errorf("%s: state %s (%s), offer %+v", name, s.m.state, s.m.refused, s.m.offer)
		}
	}
}

// Whatever a server says, in whatever state: a lease in use is one that makes
// sense, and the box does not flood the line.
func FuzzAnswer(f *testing.F) {
	seed := newScene(&testing.T{}, nil, false)
	seed.m.linkUp(seed.now)
	seed.step()
	for _, kind := range []dhcpv4.MessageType{dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak} {
		for situation := range byte(6) {
			f.Add(situation, seed.reply(kind).ToBytes())
			f.Add(situation, seed.reply(kind, leaseTime(1)).ToBytes())
			f.Add(situation, seed.reply(kind, option(dhcpv4.OptionClasslessStaticRoute, 0, 203, 0, 113, 2, 24, 1)).ToBytes())
		}
	}
	f.Fuzz(func(t *testing.T, situation byte, b []byte) {
		msg, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		s := newScene(t, nil, false)
		switch situation % 6 {
		case 0:
			s.m.linkUp(s.now)
			s.step()
		case 1:
			s.m.linkUp(s.now)
			s.step()
			s.answer(dhcpv4.MessageTypeOffer)
			s.step()
		case 2:
			s.bind()
		case 3:
			s.bind()
			s.until(31 * time.Minute)
		case 4:
			s.bind()
			s.until(55 * time.Minute)
		case 5:
			s = newScene(t, remembered(), true)
			s.m.linkUp(s.now)
			s.step()
		}
		// The hardest case: a server that has seen our message.
		msg.OpCode, msg.TransactionID, msg.ClientHWAddr = dhcpv4.OpcodeBootReply, s.m.xid, boxMAC[:]
		s.m.receive(msg, routerMAC, s.now)
		if s.m.lease != nil {
			if err := s.m.lease.check(); err != nil {
				t.Errorf("a lease in use: %v", err)
			}
		}
		s.log = nil
		s.until(2 * time.Minute)
		if len(s.log) > 20 {
			t.Errorf("%d messages in two minutes: %q", len(s.log), s.log)
		}
		_ = s.m.problem("eth0")
	})
}
