//go:build kernel

package firewall_test

import (
	"encoding/binary"

	"golang.org/x/net/ipv4"

	"stairgate/config/identity"
	"stairgate/firewall"
	"stairgate/firewall/walk"
)

// frame makes an Ethernet frame of a walker's packet. Everything by which it can
// be known again carries id.
func frame(p walk.Packet, to identity.MAC, id uint16) []byte {
	eth := append(append([]byte{}, to[:]...), p.MAC[:]...)
	l4 := transport(p, id)
	if p.Src.Is6() {
		h := make([]byte, 40)
		h[0], h[6], h[7] = 0x60, byte(p.Proto), probeTTL
		binary.BigEndian.PutUint16(h[4:], uint16(len(l4)))
		copy(h[8:], p.Src.AsSlice())
		copy(h[24:], p.Dst.AsSlice())
		return append(append(append(eth, 0x86, 0xdd), h...), l4...)
	}
	h := make([]byte, 20)
	h[0], h[8], h[9] = 0x45, probeTTL, byte(p.Proto)
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(l4)))
	binary.BigEndian.PutUint16(h[4:], id)
	copy(h[12:], p.Src.AsSlice())
	copy(h[16:], p.Dst.AsSlice())
	binary.BigEndian.PutUint16(h[10:], sum(h, 0))
	return append(append(append(eth, 8, 0), h...), l4...)
}

func transport(p walk.Packet, id uint16) []byte {
	mark := binary.BigEndian.AppendUint16(nil, id)
	switch p.Proto {
	case firewall.TCP:
		h := make([]byte, 20)
		binary.BigEndian.PutUint16(h, p.SrcPort)
		binary.BigEndian.PutUint16(h[2:], p.DstPort)
		h[12], h[13] = 5<<4, 2 // SYN
		if p.Broken {
			h[13] |= 1 // and FIN, which makes no sense
		}
		h[14] = 0x40 // window
		binary.BigEndian.PutUint16(h[16:], sum(h, pseudo(p, len(h))))
		return h
	case firewall.UDP:
		h := make([]byte, 8, 10)
		binary.BigEndian.PutUint16(h, p.SrcPort)
		binary.BigEndian.PutUint16(h[2:], p.DstPort)
		binary.BigEndian.PutUint16(h[4:], 10)
		h = append(h, mark...)
		binary.BigEndian.PutUint16(h[6:], sum(h, pseudo(p, len(h))))
		return h
	case firewall.ICMP:
		h := []byte{p.Type, 0, 0, 0, mark[0], mark[1], 0, 1}
		binary.BigEndian.PutUint16(h[2:], sum(h, 0))
		return h
	default:
		return make([]byte, 8)
	}
}

// pseudo is the sum over the pseudo header.
func pseudo(p walk.Packet, n int) uint32 {
	s := uint32(p.Proto) + uint32(n)
	b := append(p.Src.AsSlice(), p.Dst.AsSlice()...)
	for i := 0; i < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return s
}

func sum(b []byte, s uint32) uint16 {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// probeTTL is how many hops probes may go: one that the box has passed on has one
// less, and what the box says itself has another number.
const probeTTL = 77

// What a frame can say about a probe.
const (
	passedOn   = "passed on"
	takenIn    = "taken in"
	reset      = "reset"
	prohibited = "prohibited"
)

// read tells what a frame says, and about which probe, if it speaks of one at all.
func read(b []byte) (id uint16, what string, ok bool) {
	if len(b) < 14+20 {
		return 0, "", false
	}
	kind, ip := binary.BigEndian.Uint16(b[12:]), b[14:]
	if kind == 0x86dd {
		return binary.BigEndian.Uint16(ip[len(ip)-2:]), passedOn, len(ip) >= 48 && ip[7] == probeTTL-1
	}
	h, err := ipv4.ParseHeader(ip)
	if kind != 0x0800 || err != nil || len(ip) < h.Len+8 || h.TTL == probeTTL {
		return 0, "", false
	}
	if h.TTL == probeTTL-1 {
		return uint16(h.ID), passedOn, true
	}
	l4 := ip[h.Len:]
	switch firewall.Proto(h.Protocol) {
	case firewall.TCP:
		id = binary.BigEndian.Uint16(l4[2:])
		if l4[13]&4 != 0 {
			return id, reset, true
		}
		return id, takenIn, l4[13]&0x12 == 0x12
	case firewall.ICMP:
		if l4[0] == walk.Unreachable && l4[1] == 13 && len(l4) >= 28 {
			return binary.BigEndian.Uint16(l4[8+4:]), prohibited, true
		}
		return binary.BigEndian.Uint16(l4[4:]), takenIn, l4[0] == walk.EchoReply
	}
	return 0, "", false
}
