package network

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
)

// fakeLine is a port with a router at the other end that answers at once.
type fakeLine struct {
	mu     sync.Mutex
	info   portInfo
	there  bool
	held   netip.Prefix // what the kernel has
	server func(*dhcpv4.DHCPv4) *dhcpv4.DHCPv4
	heard  []dhcpv4.MessageType
	events chan struct{}
	wire   *fakeWire
	opened int
}

func newFakeLine(server func(*dhcpv4.DHCPv4) *dhcpv4.DHCPv4) *fakeLine {
	return &fakeLine{info: portInfo{index: 2, mac: boxMAC, signal: true}, there: true, server: server, events: make(chan struct{}, 1)}
}

func (f *fakeLine) Port(string) (portInfo, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.info, f.there, nil
}

func (f *fakeLine) Holds(_ string, a netip.Prefix) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held == a, nil
}

func (f *fakeLine) Watch(context.Context) (<-chan struct{}, error) { return f.events, nil }

func (f *fakeLine) Open(string) (wire, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.info.signal {
		return nil, errors.New("the network is down")
	}
	f.opened++
	f.wire = &fakeWire{line: f, answers: make(chan []byte, 16), closed: make(chan struct{})}
	return f.wire, nil
}

// change alters the line and announces it as the kernel would.
func (f *fakeLine) change(alter func()) {
	f.mu.Lock()
	alter()
	f.mu.Unlock()
	f.events <- struct{}{}
	synctest.Wait()
}

func (f *fakeLine) messages() []dhcpv4.MessageType {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.heard
	f.heard = nil
	return out
}

type fakeWire struct {
	line    *fakeLine
	answers chan []byte
	closed  chan struct{}
	once    sync.Once
}

func (w *fakeWire) Send(out outgoing) error {
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	w.line.heard = append(w.line.heard, out.msg.MessageType())
	if a := w.line.server(out.msg); a != nil {
		w.answers <- a.ToBytes()
	}
	return nil
}

func (w *fakeWire) Receive() ([]byte, identity.MAC, error) {
	select {
	case b := <-w.answers:
		return b, routerMAC, nil
	case <-w.closed:
		return nil, identity.MAC{}, os.ErrClosed
	}
}

func (w *fakeWire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// lends is a router that lends 203.0.113.9 for an hour.
func lends(msg *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	s := scene{out: outgoing{msg: msg}}
	switch msg.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return s.reply(dhcpv4.MessageTypeOffer)
	case dhcpv4.MessageTypeRequest:
		return s.reply(dhcpv4.MessageTypeAck)
	}
	return nil
}

func refuses(msg *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	s := scene{out: outgoing{msg: msg}}
	if msg.MessageType() == dhcpv4.MessageTypeRequest {
		return s.reply(dhcpv4.MessageTypeNak)
	}
	return nil
}

func silent(*dhcpv4.DHCPv4) *dhcpv4.DHCPv4 { return nil }

// start runs a client until the test ends.
func start(t *testing.T, l *fakeLine, file string) *WANClient {
	t.Helper()
	c := NewWANClient(WANOptions{LeaseFile: file, line: l})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return c
}

func TestClientObtainsAndRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine(lends)
		c := start(t, line, filepath.Join(t.TempDir(), "lease.json"))
		if _, ok := c.Current(); ok || len(line.messages()) != 0 {
			t.Error("a client that was not set does something")
		}
		changed := c.Changed()
		c.Set("eth0", true)
		<-changed
		l, ok := c.Current()
		if !ok || l.Addr.String() != "203.0.113.9/24" || len(c.Problems()) != 0 {
			t.Fatalf("lease %+v, problems %v", l, c.Problems())
		}
		line.messages()
		for range 10 {
			changed := c.Changed()
			<-changed
			if l, ok := c.Current(); !ok || time.Until(l.Expires) != time.Hour {
				t.Errorf("the lease runs out in %v", time.Until(l.Expires))
			}
		}
		if n := len(line.messages()); n != 10 {
			t.Errorf("%d messages for 10 renewals", n)
		}
		c.Set("eth0", true)
		synctest.Wait()
		if n := len(line.messages()); n != 0 {
			t.Errorf("setting the same again sent %d messages", n)
		}
		c.Set("eth0", false)
		if _, ok := c.Current(); ok {
			t.Error("a lease after switching off")
		}
	})
}

func TestClientRestartDoesNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "lease.json")
		b, err := formatLease("eth0", boxMAC, *rememberedAt(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		line := newFakeLine(silent)
		line.held = netip.MustParsePrefix("203.0.113.9/24")
		c := NewWANClient(WANOptions{LeaseFile: file, line: line})
		c.Set("eth0", true)
		// Before Run, and before the first Apply.
		if l, ok := c.Current(); !ok || l.Addr != line.held {
			t.Fatalf("the first Apply would remove the address: %+v", l)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		<-time.After(10 * time.Minute)
		if _, ok := c.Current(); !ok || c.Problems()["wan.dhcp"] == "" {
			t.Errorf("lease kept: %v; problems %v", ok, c.Problems())
		}
		<-time.After(21 * time.Minute)
		if _, ok := c.Current(); ok || !strings.Contains(c.Problems()["wan.dhcp"], "run out") {
			t.Errorf("lease kept: %v; problems %v", ok, c.Problems())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func rememberedAt(now time.Time) *WANLease {
	l := remembered()
	d := now.Sub(noon)
	l.Obtained, l.Renew, l.Rebind, l.Expires = l.Obtained.Add(d), l.Renew.Add(d), l.Rebind.Add(d), l.Expires.Add(d)
	return l
}

func TestClientFollowsTheCable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine(lends)
		line.info.signal = false
		c := start(t, line, "")
		c.Set("eth0", true)
		synctest.Wait()
		if n := len(line.messages()); n != 0 {
			t.Errorf("%d messages without a cable", n)
		}
		line.change(func() { line.info.signal = true })
		if _, ok := c.Current(); !ok {
			t.Fatal("no lease with the cable in")
		}
		line.change(func() { line.info.signal = false })
		if _, ok := c.Current(); !ok {
			t.Error("the lease did not survive an unplugged cable")
		}
		line.messages()
		line.change(func() { line.info.signal = true; line.server = refuses })
		if _, ok := c.Current(); ok {
			t.Error("the other line refused the address and it is still used")
		}
		line.change(func() { line.server = lends })
		<-time.After(longestWait)
		if _, ok := c.Current(); !ok {
			t.Error("no lease from the other line")
		}
		// The adapter is pulled out and put back in.
		line.change(func() { line.there = false })
		if _, ok := c.Current(); ok {
			t.Error("a lease on a port that is not there")
		}
		line.change(func() { line.there = true; line.info.index = 7 })
		if _, ok := c.Current(); !ok {
			t.Error("no lease after plugging the adapter back in")
		}
	})
}

func TestClientSurvivesADeadSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine(silent)
		c := start(t, line, "")
		c.Set("eth0", true)
		synctest.Wait()
		if err := line.wire.Close(); err != nil {
			t.Fatal(err)
		}
		line.mu.Lock()
		line.server = lends
		line.mu.Unlock()
		<-time.After(longestWait)
		if _, ok := c.Current(); !ok || line.opened != 2 {
			t.Errorf("lease %v after opening %d times", ok, line.opened)
		}
	})
}

func TestClientSurvivesGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine(lends)
		c := start(t, line, "")
		c.Set("eth0", true)
		synctest.Wait()
		for _, b := range [][]byte{nil, {2}, make([]byte, 240), make([]byte, 1500)} {
			line.wire.answers <- b
		}
		synctest.Wait()
		if _, ok := c.Current(); !ok {
			t.Error("garbage ended the lease")
		}
	})
}

// A router that lends for seconds must not wear the flash out.
func TestTheFileIsNotWrittenForEveryRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "lease.json")
		line := newFakeLine(func(msg *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
			a := lends(msg)
			leaseTime(10)(a)
			return a
		})
		c := start(t, line, file)
		c.Set("eth0", true)
		synctest.Wait()
		writes, last := 0, ""
		for range 60 {
			<-c.Changed()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(b) != last {
				writes, last = writes+1, string(b)
			}
		}
		// 60 renewals in five minutes.
		if writes > 6 {
			t.Errorf("%d writes in five minutes", writes)
		}
	})
}

func TestAnUnwritableFileIsAProblemOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine(lends)
		c := start(t, line, filepath.Join(t.TempDir(), "missing", "lease.json"))
		c.Set("eth0", true)
		synctest.Wait()
		if _, ok := c.Current(); !ok || !strings.Contains(c.Problems()["wan.file"], "disk") {
			t.Errorf("lease %v, problems %v", ok, c.Problems())
		}
	})
}
