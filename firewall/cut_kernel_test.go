//go:build kernel

package firewall_test

import (
	"net/netip"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/firewall"
)

// TestCutEndsRunningConnections closes public resolvers to somebody who talks to one, by
// TCP and by UDP: what runs ends with what is new, and nothing else does.
func TestCutEndsRunningConnections(t *testing.T) {
	fw := open(t)
	buildStreet(t)
	ip(t, "-n world addr add 8.8.8.8/32 dev lo")
	everybody := map[netip.Addr]time.Time{alice.Addr: {}}
	apply := func(open map[netip.Addr]time.Time) {
		t.Helper()
		snap := identity.New(identity.Data{Clients: []identity.Client{alice}})
		if _, err := fw.Apply(firewall.Compile(streetConfig(), snap, firewall.Env{Now: time.Now(), Bypass: open})); err != nil {
			t.Fatal(err)
		}
	}
	apply(everybody)
	site, resolver := startFlows(t, far), startFlows(t, "8.8.8.8:5000")
	wait(t, "all streams to flow both ways", func() bool {
		return site.moved([4]int64{}, 20) && resolver.moved([4]int64{}, 20)
	})

	// While it is open to her, nothing is cut.
	if n, err := fw.Cut(streetConfig(), everybody); n != 0 || err != nil {
		t.Fatalf("%d cut, %v", n, err)
	}
	at := resolver.counts()
	wait(t, "the resolver to go on", func() bool { return resolver.moved(at, 20) })

	apply(nil)
	if n, err := fw.Cut(streetConfig(), nil); n != 2 || err != nil {
		t.Errorf("%d cut, %v; want 2", n, err)
	}
	resolver.mustStop(t)
	at = site.counts()
	wait(t, "other sites to go on", func() bool { return site.moved(at, 20) })
	if n, err := fw.Cut(streetConfig(), nil); n != 0 || err != nil {
		t.Errorf("cut again: %d, %v", n, err)
	}
}

// TestTheKernelClosesByItself shows that an end that is known needs nobody: the rules are
// applied once.
func TestTheKernelClosesByItself(t *testing.T) {
	fw := open(t)
	buildStreet(t)
	ip(t, "-n world addr add 8.8.8.8/32 dev lo")
	listen(t, "8.8.8.8:5000")
	end := time.Now().Add(2 * time.Second)
	snap := identity.New(identity.Data{Clients: []identity.Client{alice}})
	if _, err := fw.Apply(firewall.Compile(streetConfig(), snap, firewall.Env{Now: time.Now(), Bypass: map[netip.Addr]time.Time{alice.Addr: end}})); err != nil {
		t.Fatal(err)
	}
	try := func() bool {
		c, err := dial(t, "alice", "8.8.8.8:5000")
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	for last := time.Now(); try(); last = time.Now() {
		if late := last.Sub(end); late > time.Second {
			t.Fatalf("open %v after its end", late)
		}
	}
	if early := time.Until(end); early > 100*time.Millisecond {
		t.Errorf("closed %v before its end", early)
	}
}
