package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stairgate/config/identity"

	"github.com/miekg/dns"
)

// loopback is a school whose zone is a piece of 127.0.0.0/8, so that real sockets can
// play its clients.
func loopback(upstreams ...netip.AddrPort) identity.Data {
	d := nursery(upstreams...)
	d.Zones = []identity.Zone{{ID: "school", Prefix: netip.MustParsePrefix("127.77.0.0/24"), Addr: netip.MustParseAddr("127.77.0.1")}}
	d.Clients = []identity.Client{{Addr: netip.MustParseAddr("127.77.0.20"), Zone: "school", Group: "staff", Class: identity.Admitted}}
	return d
}

// The server on real sockets: both transports, answers from the address that was
// asked, and closed when it is told to end.
func TestServerOnSockets(t *testing.T) {
	u := newResolver(t, "www.example.com. 60 IN A 198.51.100.80")
	snap := identity.New(loopback(u.addr))
	s, err := New(Options{Snapshot: func() *identity.Snapshot { return snap }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen([]netip.AddrPort{netip.MustParseAddrPort("127.77.0.1:0"), netip.MustParseAddrPort("127.77.0.2:0")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	for _, at := range s.Bound() {
		for _, network := range []string{"udp", "tcp"} {
			for name, want := range map[string]string{"www.example.com.": "198.51.100.80", "www.bet365.com.": "127.77.0.1"} {
				if got := resolveFrom(t, "127.77.0.20", network, at, name); got != want {
					t.Errorf("%s over %s at %s: %s, want %s", name, network, at, got, want)
				}
			}
		}
	}
	if got := resolveFrom(t, "127.78.0.20", "udp", s.Bound()[0], "www.example.com."); got != "REFUSED" {
		t.Errorf("somebody in no zone got %s", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	for _, at := range s.Bound() {
		if c, err := net.Dial("tcp", at.String()); err == nil {
			c.Close()
			t.Errorf("%s is still open", at)
		}
	}
}

func resolveFrom(t *testing.T, from, network string, at netip.AddrPort, name string) string {
	t.Helper()
	d := &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
	if network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c := dns.Client{Net: network, Dialer: d, Timeout: 5 * time.Second}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), at.String())
	switch {
	case err != nil:
		t.Fatalf("%s over %s: %v", name, network, err)
	case m.Rcode != dns.RcodeSuccess || len(m.Answer) == 0:
		return dns.RcodeToString[m.Rcode]
	}
	return m.Answer[len(m.Answer)-1].(*dns.A).A.String()
}

// All addresses or none.
func TestListenAllOrNone(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.77.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s, err := New(Options{Snapshot: func() *identity.Snapshot { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	free := netip.MustParseAddrPort("127.77.0.4:5399")
	if err := s.Listen([]netip.AddrPort{free, netip.MustParseAddrPort(taken.LocalAddr().String())}); err == nil {
		t.Fatal("an address somebody else has was bound")
	}
	again, err := net.ListenPacket("udp", free.String())
	if err != nil {
		t.Fatalf("the first address is still bound: %v", err)
	}
	again.Close()
}

// When the zones' addresses change the server ends, because a process without
// privileges cannot bind the new ones. Any other change it lives through.
func TestAddressesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var snap atomic.Pointer[identity.Snapshot]
		d := nursery()
		snap.Store(identity.New(d))
		s, err := New(Options{Snapshot: snap.Load})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range Addresses(snap.Load()) {
			s.sockets = append(s.sockets, socket{at: a})
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		go s.watchAddresses(ctx, cancel)

		d.Version, d.Groups = 8, d.Groups[:1]
		snap.Store(identity.New(d))
		<-time.After(time.Minute) // the bubble's clock
		if ctx.Err() != nil {
			t.Fatal("a change of groups ended the server:", context.Cause(ctx))
		}
		d.Version, d.Zones = 9, d.Zones[:1]
		snap.Store(identity.New(d))
		<-time.After(2 * time.Second)
		if !errors.Is(context.Cause(ctx), ErrMoved) {
			t.Errorf("a zone was taken away and the server ended with %v", context.Cause(ctx))
		}
	})
}

// One client cannot take every connection there is.
func TestConnectionsAreShared(t *testing.T) {
	l := &fairListener{open: make(map[netip.Addr]int)}
	for range maxConnsClient {
		if !l.take(people["staff"]) {
			t.Fatal("refused too early")
		}
	}
	if l.take(people["staff"]) {
		t.Error("one connection too many")
	}
	if !l.take(people["child"]) {
		t.Error("a neighbour is refused")
	}
	l.give(people["staff"])
	if !l.take(people["staff"]) {
		t.Error("a closed connection is not given back")
	}
}
