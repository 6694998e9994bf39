//go:build kernel

package firewall_test

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/firewall"
)

// TestRevokeKillsRunningFlows runs a TCP and a UDP stream in both directions and
// takes the device out: within a second nothing passes any more, either way.
func TestRevokeKillsRunningFlows(t *testing.T) {
	fw := open(t)
	buildStreet(t)
	if _, err := fw.Apply(online(alice)); err != nil {
		t.Fatal(err)
	}
	flows := startFlows(t, far)
	wait(t, "both streams to flow both ways", func() bool { return flows.moved([4]int64{}, 20) })

	// Other people's coming and going does not touch them.
	if _, err := fw.Apply(online(alice, guest)); err != nil {
		t.Fatal(err)
	}
	at := flows.counts()
	wait(t, "both streams to go on", func() bool { return flows.moved(at, 20) })

	if _, err := fw.Apply(online(guest)); err != nil {
		t.Fatal(err)
	}
	flows.mustStop(t)
}

// TestSessionsEndWithoutUs lets the kernel end a session: the rules are applied
// once, and nobody looks after them.
func TestSessionsEndWithoutUs(t *testing.T) {
	fw := open(t)
	buildStreet(t)
	c := alice
	c.Until = time.Now().Add(3 * time.Second)
	if _, err := fw.Apply(online(c)); err != nil {
		t.Fatal(err)
	}
	flows := startFlows(t, far)
	wait(t, "both streams to flow both ways", func() bool { return flows.moved([4]int64{}, 5) })
	end := time.NewTimer(time.Until(c.Until))
	<-end.C
	flows.mustStop(t)

	if drift, err := fw.Drift(online(c)); err != nil || len(drift) > 0 {
		t.Errorf("a session that ended on time is taken for drift: %q, %v", drift, err)
	}
}

// TestAdmitWorksOnTheNextPacket admits a device while it is trying.
func TestAdmitWorksOnTheNextPacket(t *testing.T) {
	fw := open(t)
	buildStreet(t)
	if _, err := fw.Apply(online(bob)); err != nil {
		t.Fatal(err)
	}
	listen(t, far)
	if c, err := dial(t, "bob", far); err == nil {
		c.Close()
		t.Fatal("a stranger reached the world")
	}
	if err := fw.Admit(bob, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	c, err := dial(t, "bob", far)
	if err != nil {
		t.Fatalf("just admitted: %v", err)
	}
	c.Close()
}

// TestRulesChangeUnderRunningFlows replaces the whole table, as a new
// configuration does: members' streams go on.
func TestRulesChangeUnderRunningFlows(t *testing.T) {
	fw := open(t)
	buildStreet(t)
	if _, err := fw.Apply(online(alice)); err != nil {
		t.Fatal(err)
	}
	flows := startFlows(t, far)
	wait(t, "both streams to flow both ways", func() bool { return flows.moved([4]int64{}, 5) })
	cfg := streetConfig()
	cfg.Zones = cfg.Zones[:1]
	if changed, err := fw.Apply(firewall.Compile(cfg, identity.New(identity.Data{Clients: []identity.Client{alice}}), firewall.Env{Now: time.Now()})); err != nil || !changed {
		t.Fatal(changed, err)
	}
	at := flows.counts()
	wait(t, "both streams to go on", func() bool { return flows.moved(at, 20) })
}

// flows are a TCP and a UDP stream between alice and the world that echoes them.
type flows struct {
	atWorld, atAlice [2]atomic.Int64 // reads of TCP and UDP
}

func (f *flows) counts() (n [4]int64) {
	for i := range 2 {
		n[i], n[2+i] = f.atWorld[i].Load(), f.atAlice[i].Load()
	}
	return n
}

// moved reports whether each of the four has gone on by so much since then.
func (f *flows) moved(since [4]int64, by int64) bool {
	for i, n := range f.counts() {
		if n < since[i]+by {
			return false
		}
	}
	return true
}

// mustStop gives the streams a second to die and then looks for half a second
// whether anything moves.
func (f *flows) mustStop(t *testing.T) {
	t.Helper()
	start, last, quiet := time.Now(), f.counts(), time.Now()
	if !within(1500*time.Millisecond, func() bool {
		if n := f.counts(); n != last {
			last, quiet = n, time.Now()
		}
		return time.Since(quiet) > 500*time.Millisecond
	}) {
		t.Fatal("the streams go on")
	}
	t.Logf("dead after %v", quiet.Sub(start).Round(time.Millisecond))
}

// startFlows sends a little every millisecond on both streams from alice and
// counts what arrives at either end. The world sends on its own account too, so
// that the way back is tried when nothing comes any more.
func startFlows(t *testing.T, to string) *flows {
	t.Helper()
	f := &flows{}
	ln, pc := listen(t, to)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		talk(t, c, &f.atWorld[0])
	}()
	go func() {
		b := make([]byte, 100)
		_, from, err := pc.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		talk(t, &udpTo{pc, from}, &f.atWorld[1])
	}()
	tcp, err := dial(t, "alice", to)
	if err != nil {
		t.Fatal(err)
	}
	talk(t, tcp, &f.atAlice[0])
	inside(t, "alice", func() error {
		udp, err := net.Dial("udp4", to)
		if err == nil {
			talk(t, udp, &f.atAlice[1])
		}
		return err
	})
	return f
}

// talk writes and counts reads until the test ends. What cannot be sent is tried
// again: a stream that was refused must not stop asking.
func talk(t *testing.T, c io.ReadWriteCloser, reads *atomic.Int64) {
	done := make(chan struct{})
	t.Cleanup(func() { close(done); c.Close() })
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_, _ = c.Write([]byte("still here"))
			}
		}
	}()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if n > 0 {
				reads.Add(1)
			}
			select {
			case <-done:
				return
			default:
			}
			if err == io.EOF {
				return
			}
		}
	}()
}

// udpTo is a UDP socket that speaks to one place.
type udpTo struct {
	*net.UDPConn
	to netip.AddrPort
}

func (u *udpTo) Write(b []byte) (int, error) { return u.WriteToUDPAddrPort(b, u.to) }

// far is a site in the world.
const far = "198.51.100.7:5000"

// listen opens a port in the world.
func listen(t *testing.T, at string) (ln net.Listener, pc *net.UDPConn) {
	t.Helper()
	inside(t, "world", func() (err error) {
		if ln, err = net.Listen("tcp4", at); err != nil {
			return err
		}
		pc, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		return err
	})
	t.Cleanup(func() { ln.Close(); pc.Close() })
	return ln, pc
}

func dial(t *testing.T, from, to string) (c net.Conn, err error) {
	t.Helper()
	inside(t, from, func() error {
		c, err = net.DialTimeout("tcp4", to, 2*time.Second)
		return nil
	})
	return c, err
}
