package dhcp

import (
	"encoding/binary"
	"net/netip"

	"stairgate/config/identity"
)

// arpPacket is what matters of an ARP packet.
type arpPacket struct {
	mac    identity.MAC // sender
	sender netip.Addr   // invalid in a probe (RFC 5227)
	target netip.Addr
}

const arpSize = 28

// parseARP reads an Ethernet frame with ARP for IPv4.
func parseARP(f []byte) (p arpPacket, ok bool) {
	be := binary.BigEndian
	if len(f) < 14+arpSize || be.Uint16(f[12:]) != etherARP {
		return p, false
	}
	a := f[14:]
	if be.Uint16(a) != 1 || be.Uint16(a[2:]) != etherIPv4 || a[4] != 6 || a[5] != 4 {
		return p, false
	}
	p = arpPacket{identity.MAC(a[8:14]), addrFrom(a[14:18]), addrFrom(a[24:28])}
	return p, !p.mac.IsZero() && p.mac[0]&1 == 0
}

// arpProbe asks who uses addr, without claiming an address (RFC 5227 section
// 2.1.1). The sender's hardware address is filled in by the Socket.
func arpProbe(addr netip.Addr) []byte {
	b := make([]byte, arpSize)
	be := binary.BigEndian
	be.PutUint16(b, 1)
	be.PutUint16(b[2:], etherIPv4)
	b[4], b[5] = 6, 4
	be.PutUint16(b[6:], 1)
	a := addr.As4()
	copy(b[24:], a[:])
	return b
}
