package dns

import (
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"testing"

	"stairgate/config/identity"

	"golang.org/x/sys/unix"
)

// Each worker has a thread that asks the kernel for short turns, and for nothing else.
func TestWorkersAskForShortTurns(t *testing.T) {
	// What this kernel says of a thread that does; nothing, before Linux 6.12.
	told, hold := make(chan *unix.SchedAttr, 2), make(chan struct{})
	defer close(hold)
	go func() {
		runtime.LockOSThread()
		for _, f := range []func() error{func() error { return nil }, beFirst} {
			err := f()
			attr, err2 := unix.SchedGetAttr(0, 0)
			if err != nil || err2 != nil {
				t.Errorf("%v, %v", err, err2)
			}
			told <- attr
		}
		<-hold // so that it is counted below, once
	}()
	before, after := <-told, <-told
	if after.Policy != before.Policy || after.Nice != before.Nice || after.Flags != before.Flags {
		t.Errorf("%+v became %+v", before, after)
	}

	snap := identity.New(loopback())
	s, err := New(Options{Snapshot: func() *identity.Snapshot { return snap }})
	if err != nil {
		t.Fatal(err)
	}
	if got := resolveFrom(t, "127.77.0.20", "udp", netip.MustParseAddrPort(serve(t, s)), "www.bet365.com."); got != "127.77.0.1" {
		t.Fatal(got)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	short := 0
	for _, th := range threads {
		id, err := strconv.Atoi(th.Name())
		if err != nil {
			t.Fatal(err)
		}
		// One that ended since has nothing to say.
		if attr, err := unix.SchedGetAttr(id, 0); err == nil && attr.Runtime == after.Runtime {
			short++
		}
	}
	if short < 2 {
		t.Errorf("no worker among %d threads asks for turns of %v", len(threads), workerSlice)
	}
}
