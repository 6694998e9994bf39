package dhcp_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dhcp"
)

// ten is a pool of ten addresses.
func ten() dhcp.Subnet {
	n := small()
	n.To = netip.MustParseAddr("192.168.77.109")
	n.Lease = 12 * time.Hour
	return n
}

func macs(of ...int) map[identity.MAC]bool {
	out := map[identity.MAC]bool{}
	for _, n := range of {
		out[mac(n)] = true
	}
	return out
}

func leaseTime(m *dhcpv4.DHCPv4) time.Duration { return m.IPAddressLeaseTime(0) }

func TestAStrangersLeaseIsShort(t *testing.T) {
	bubble(t, ten(), func(b *bench) {
		b.Know(dhcp.Standing{Known: macs(1)})
		if d := leaseTime(b.join(mac(1))); d != 12*time.Hour {
			t.Errorf("a known device has its address for %v", d)
		}
		if d := leaseTime(b.join(mac(2))); d != 10*time.Minute {
			t.Errorf("a stranger has its address for %v", d)
		}
		// Approved meanwhile: the next renewal is for as long as anybody's.
		b.Know(dhcp.Standing{Known: macs(1, 2)})
		if d := leaseTime(b.say(dhcpv4.MessageTypeRequest, mac(2), dhcpv4.OptRequestedIPAddress(b.lease(mac(2))))); d != 12*time.Hour {
			t.Errorf("after its approval it has it for %v", d)
		}
	})
}

func TestStrangersLeaveRoomForKnownDevices(t *testing.T) {
	bubble(t, ten(), func(b *bench) {
		b.Know(dhcp.Standing{Known: macs(1, 2, 3)})
		got := 0
		for n := range 50 {
			if b.join(mac(100+n)) != nil {
				got++
			}
		}
		if got != 7 {
			t.Errorf("strangers got %d of 10 addresses, three devices are known", got)
		}
		if s := b.Problems()["pool.school"]; !strings.Contains(s, "7 of them went to devices nobody has approved") {
			t.Errorf("sentence %q", s)
		}
		// Not by asking for one in so many words either.
		if m := b.say(dhcpv4.MessageTypeRequest, mac(200), dhcpv4.OptRequestedIPAddress(net.IP{192, 168, 77, 109})); m != nil && m.MessageType() == dhcpv4.MessageTypeAck {
			t.Error("a stranger took an address that is kept")
		}
		for n := 1; n <= 3; n++ {
			if b.join(mac(n)) == nil {
				t.Errorf("known device %d got no address", n)
			}
		}
		if b.join(mac(300)) != nil {
			t.Error("an eleventh lease out of ten addresses")
		}
	})
}

// However many devices are known, half of the pool is for whoever comes, and a
// network for visitors keeps nothing back.
func TestWhatIsKeptIsBounded(t *testing.T) {
	known := map[identity.MAC]bool{}
	for n := range 100 {
		known[mac(1000+n)] = true
	}
	open := ten()
	open.Open = true
	// Six of ten are devices' own: strangers get half of what is left, not nothing.
	reserved := ten()
	for i := range 6 {
		reserved.Reservations = append(reserved.Reservations, config.Reservation{MAC: mac(500 + i), Addr: netip.AddrFrom4([4]byte{192, 168, 77, byte(104 + i)})})
	}
	one, two := ten(), ten()
	one.To, two.To = one.From, two.From.Next()
	for _, c := range []struct {
		subnet dhcp.Subnet
		want   int
	}{{ten(), 5}, {open, 10}, {reserved, 2}, {one, 1}, {two, 1}} {
		bubble(t, c.subnet, func(b *bench) {
			b.Know(dhcp.Standing{Known: known})
			got := 0
			for n := range 20 {
				if b.join(mac(n)) != nil {
					got++
				}
			}
			if got != c.want {
				t.Errorf("strangers got %d addresses, not %d", got, c.want)
			}
		})
	}
}

// The pool was full of strangers before the device became known.
func TestAKnownDeviceTakesTheOldestLeaseOfAStranger(t *testing.T) {
	bubble(t, ten(), func(b *bench) {
		b.Know(dhcp.Standing{Known: map[identity.MAC]bool{}})
		for n := range 10 {
			if b.join(mac(n)) == nil {
				t.Fatal("no lease")
			}
			pass(time.Second)
		}
		oldest, next := b.lease(mac(0)), b.lease(mac(1))
		// The two that came first renew; somebody is signed in on the third; the
		// fourth is approved. So the fifth is the one to go.
		for n := range 2 {
			pass(time.Minute)
			b.say(dhcpv4.MessageTypeRequest, mac(n), dhcpv4.OptRequestedIPAddress(b.lease(mac(n))))
		}
		fifth := b.lease(mac(4))
		b.Know(dhcp.Standing{Known: macs(3, 50), Seated: macs(2)})
		ack := b.join(mac(50))
		if ack == nil || !ack.YourIPAddr.Equal(fifth) {
			t.Fatalf("the known device got %v, not %v", ack, fifth)
		}
		if !b.lease(mac(0)).Equal(oldest) || !b.lease(mac(1)).Equal(next) {
			t.Error("somebody lost an address that is in use")
		}
		// Whose it was hears so when it asks again, and cannot give it back for the other.
		if m := b.say(dhcpv4.MessageTypeRequest, mac(4), dhcpv4.OptRequestedIPAddress(fifth)); m == nil || m.MessageType() != dhcpv4.MessageTypeNak {
			t.Errorf("the stranger is told %v", m)
		}
		if !b.lease(mac(50)).Equal(fifth) {
			t.Error("the known device lost it again")
		}
		// A stranger gets nothing.
		if b.join(mac(60)) != nil {
			t.Error("a stranger took somebody's lease")
		}
	})
}

// A stranger that answers for its address is there, and keeps it.
func TestAStrangerThatAnswersKeepsItsAddress(t *testing.T) {
	bubble(t, ten(), func(b *bench) {
		b.Know(dhcp.Standing{Known: map[identity.MAC]bool{}})
		for n := range 10 {
			b.join(mac(n))
			pass(time.Second)
		}
		b.Know(dhcp.Standing{Known: macs(50)})
		for len(b.wire.arp.out) > 0 {
			<-b.wire.arp.out
		}
		b.put(dhcpv4.MessageTypeDiscover, mac(50))
		first, _ := netip.AddrFromSlice(b.lease(mac(0)).To4())
		b.wire.arp.in <- arpFrame(mac(0), first, first)
		synctest.Wait()
		pass(time.Second)
		offer, err := dhcpv4.FromBytes((<-b.wire.messages.out).b)
		if err != nil {
			t.Fatal(err)
		}
		if want := b.lease(mac(1)); !offer.YourIPAddr.Equal(want) {
			t.Errorf("offered %v, not %v: the next oldest", offer.YourIPAddr, want)
		}
	})
}

// Everybody is known or signed in: a full pool is full.
func TestNobodyKnownLosesALease(t *testing.T) {
	bubble(t, ten(), func(b *bench) {
		b.Know(dhcp.Standing{Known: macs(0, 1, 2, 3, 4, 50), Seated: macs(5, 6, 7, 8, 9)})
		for n := range 5 {
			b.join(mac(n))
		}
		b.Know(dhcp.Standing{Known: macs(0, 1, 2, 3, 4), Seated: macs(5, 6, 7, 8, 9)})
		for n := 5; n < 10; n++ {
			if b.join(mac(n)) == nil {
				t.Fatal("no lease")
			}
		}
		b.Know(dhcp.Standing{Known: macs(0, 1, 2, 3, 4, 50), Seated: macs(5, 6, 7, 8, 9)})
		if ack := b.join(mac(50)); ack != nil {
			t.Errorf("took %v from somebody", ack.YourIPAddr)
		}
	})
}
