//go:build kernel

package dns

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"stairgate/config/netnstest"
)

func TestMain(m *testing.M) { netnstest.Main(m) }

// Answers to addresses where nobody is wait for a neighbour that never speaks. When they
// fill the buffer, those who send are not kept.
func TestSendingNeverWaits(t *testing.T) {
	for _, args := range [][]string{
		{"link", "add", "dark0", "type", "veth", "peer", "name", "dark1"},
		{"addr", "add", "10.99.0.1/16", "dev", "dark0"},
		{"link", "set", "dark0", "up"},
		{"link", "set", "dark1", "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	// All that is sent is kept, so that the buffer is full in any case.
	if err := os.WriteFile("/proc/sys/net/ipv4/neigh/dark0/unres_qlen_bytes", []byte("16777216"), 0); err != nil {
		t.Fatal(err)
	}
	k, err := newUDPSocket(netip.MustParseAddrPort("10.99.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	batch := newBatch(maxReply)
	ask := newBatch(maxQuery)
	ended := make(chan error, 1)
	go func() {
		full := false
		answer := make([]byte, 512)
		for i := range 40_000 {
			to := netip.AddrFrom4([4]byte{10, 99, 1, byte(i%100 + 1)})
			if err := k.writeTo(answer, netip.AddrPortFrom(to, 5353)); err != nil {
				full = true
				break
			}
		}
		if !full {
			ended <- fmt.Errorf("the buffer was never full")
			return
		}
		for i := range batchLen {
			ask.peers[i].Family, ask.peers[i].Addr, ask.peers[i].Port = 2, [4]byte{10, 99, 2, byte(i + 1)}, 1
			batch.set(i, 512, ask, i)
		}
		batch.n = batchLen
		_, err := k.use(batch.send)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Second): // the neighbours are given up after three
		t.Error("who sends waits for the neighbours")
	}
}
