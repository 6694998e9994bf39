package dns

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// A worker that waits for packets is woken by the end of its socket, and nobody can use
// the socket's number after that, which may be another file's by then.
func TestSocketEnds(t *testing.T) {
	k, err := newUDPSocket(netip.MustParseAddrPort("127.77.0.9:0"))
	if err != nil {
		t.Fatal(err)
	}
	in := newBatch(maxQuery)
	took := make(chan int, 1)
	ended := make(chan error, 1)
	go func() {
		for {
			ok, err := k.use(in.receive)
			if !ok || err != nil {
				ended <- err
				return
			}
			took <- in.n
		}
	}()
	c, err := net.Dial("udp", k.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if n := <-took; n != 1 || string(in.packet(0)) != "hello" || in.peer(0).String() != c.LocalAddr().String() {
		t.Errorf("%d packets, %q from %v", n, in.packet(0), in.peer(0))
	}
	to := netip.MustParseAddrPort(c.LocalAddr().String())
	if err := k.writeTo([]byte("good-bye"), to); err != nil {
		t.Errorf("sending: %v", err)
	}
	b := make([]byte, 16)
	if n, err := c.Read(b); err != nil || string(b[:n]) != "good-bye" {
		t.Errorf("%q, %v", b[:n], err)
	}
	k.close()
	k.close()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the worker still waits")
	}
	if err := k.writeTo(b, to); !errors.Is(err, net.ErrClosed) {
		t.Errorf("sending by a closed socket: %v", err)
	}
	if err := k.writeTo(b, netip.MustParseAddrPort("[::1]:53")); err == nil {
		t.Error("sent to what is no address")
	}
}

// All packets that wait are taken with one call, each with its own sender, again and
// again.
func TestBatches(t *testing.T) {
	k, err := newUDPSocket(netip.MustParseAddrPort("127.77.0.10:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	var clients [3]net.Conn
	for i := range clients {
		if clients[i], err = net.Dial("udp", k.at.String()); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	in, out := newBatch(maxQuery), newBatch(maxReply)
	for round := range 20 {
		sent := 1 + round*7%batchLen
		for i := range sent {
			if _, err := clients[i%len(clients)].Write([]byte{byte(round), byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := k.use(in.receive); err != nil || in.n != sent {
			t.Fatalf("%d of %d packets: %v", in.n, sent, err)
		}
		for i := range in.n {
			out.set(i, copy(out.packets[i], in.packet(i)), in, i)
		}
		out.n = in.n
		if _, err := k.use(out.send); err != nil {
			t.Fatal(err)
		}
		for i := range sent {
			b := make([]byte, 16)
			c := clients[i%len(clients)]
			if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Read(b); err != nil || n != 2 || b[0] != byte(round) || b[1] != byte(i) {
				t.Fatalf("answer %d of round %d: %v, %v", i, round, b[:n], err)
			}
		}
	}
}
