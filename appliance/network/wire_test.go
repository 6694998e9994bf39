package network

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestADatagramIsUnwrapped(t *testing.T) {
	b := datagram(netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.1"), []byte("hello"))
	if checksum(0, b[:ipHeader]) != 0xffff {
		t.Error("the IP checksum is wrong")
	}
	pseudo := checksum(17+udpHeader+5, b[12:ipHeader])
	if checksum(uint32(pseudo), b[ipHeader:]) != 0xffff {
		t.Error("the UDP checksum is wrong")
	}
	// What we send goes to the server's port; an answer goes the other way.
	if _, err := answer(b); err == nil {
		t.Error("our own request passed as an answer")
	}
	b[ipHeader+1], b[ipHeader+3] = serverPort, clientPort
	got, err := answer(append(b, "padding of a short frame"...))
	if err != nil || !bytes.Equal(got, []byte("hello")) {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzUnwrap(f *testing.F) {
	b := datagram(netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.1"), []byte("hello"))
	b[ipHeader+1], b[ipHeader+3] = serverPort, clientPort
	f.Add(b)
	f.Add(b[:27])
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := answer(b); err == nil && len(got) > len(b)-ipHeader-udpHeader {
			t.Errorf("%d bytes out of %d", len(got), len(b))
		}
	})
}
