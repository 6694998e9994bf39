package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"stairgate/config/identity"
)

const (
	serverPort = 67
	clientPort = 68
	ipHeader   = 20
	udpHeader  = 8
)

// rawWire sends and receives DHCP datagrams as raw frames: without an address,
// past the firewall, and past the routes of every other link.
type rawWire struct {
	conn *packet.Conn
	buf  [2048]byte
}

// onlyAnswers lets unfragmented IPv4 UDP to port 68 through, and keeps the line's
// traffic out of the process.
var onlyAnswers = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 9, Size: 1}, // protocol
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 6},
	bpf.LoadAbsolute{Off: 6, Size: 2}, // fragment
	bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x3fff, SkipTrue: 4},
	bpf.LoadMemShift{Off: 0}, // header length
	bpf.LoadIndirect{Off: 2, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: clientPort, SkipTrue: 1},
	bpf.RetConstant{Val: 0xffff},
	bpf.RetConstant{Val: 0},
}

func openWire(port string) (wire, error) {
	ifi, err := net.InterfaceByName(port)
	if err != nil {
		return nil, fmt.Errorf("looking for port %s: %w", port, err)
	}
	filter, err := bpf.Assemble(onlyAnswers)
	if err != nil {
		return nil, fmt.Errorf("assembling the filter: %w", err)
	}
	conn, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_IP, &packet.Config{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("opening a raw socket on %s: %w", port, err)
	}
	return &rawWire{conn: conn}, nil
}

func (w *rawWire) Close() error { return w.conn.Close() }

func (w *rawWire) Send(out outgoing) error {
	to, hw := out.server, net.HardwareAddr(out.via[:])
	if !to.IsValid() {
		to, hw = netip.AddrFrom4([4]byte{255, 255, 255, 255}), net.HardwareAddr{255, 255, 255, 255, 255, 255}
	}
	_, err := w.conn.WriteTo(datagram(out.from, to, out.msg.ToBytes()), &packet.Addr{HardwareAddr: hw})
	return err
}

// Receive returns the next answer and the hardware address it came from. The
// slice is valid until the next call.
func (w *rawWire) Receive() ([]byte, identity.MAC, error) {
	for {
		n, from, err := w.conn.ReadFrom(w.buf[:])
		if err != nil {
			return nil, identity.MAC{}, err
		}
		a, ok := from.(*packet.Addr)
		if !ok {
			continue
		}
		mac, ok := identity.MACFrom(a.HardwareAddr)
		if !ok {
			continue
		}
		if payload, err := answer(w.buf[:n]); err == nil {
			return payload, mac, nil
		}
	}
}

// datagram wraps a DHCP message in UDP and IPv4.
func datagram(from, to netip.Addr, payload []byte) []byte {
	b := make([]byte, ipHeader+udpHeader, ipHeader+udpHeader+len(payload))
	ip, udp := b[:ipHeader], b[ipHeader:]
	ip[0] = 0x45
	ip[1] = 0x10 // low delay, as every client does
	binary.BigEndian.PutUint16(ip[2:], uint16(cap(b)))
	ip[8] = 64
	ip[9] = unix.IPPROTO_UDP
	copy(ip[12:], from.AsSlice())
	copy(ip[16:], to.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], ^checksum(0, ip))

	binary.BigEndian.PutUint16(udp[0:], clientPort)
	binary.BigEndian.PutUint16(udp[2:], serverPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(udpHeader+len(payload)))
	b = append(b, payload...)
	sum := checksum(unix.IPPROTO_UDP+udpHeader+uint32(len(payload)), b[12:ipHeader])
	sum = ^checksum(uint32(sum), b[ipHeader:])
	if sum == 0 {
		sum = 0xffff // zero would say "no checksum"
	}
	binary.BigEndian.PutUint16(b[ipHeader+6:], sum)
	return b
}

func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

var errNotAnswer = errors.New("not an answer of a DHCP server")

// answer unwraps UDP and IPv4. The UDP checksum is not looked at: a server on
// the same machine leaves it to a network card that does not exist.
func answer(b []byte) ([]byte, error) {
	if len(b) < ipHeader || b[0]>>4 != 4 {
		return nil, errNotAnswer
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if head < ipHeader || total > len(b) || total < head+udpHeader || b[9] != unix.IPPROTO_UDP {
		return nil, errNotAnswer
	}
	udp := b[head:total]
	size := int(binary.BigEndian.Uint16(udp[4:]))
	if size < udpHeader || size > len(udp) ||
		binary.BigEndian.Uint16(udp) != serverPort || binary.BigEndian.Uint16(udp[2:]) != clientPort {
		return nil, errNotAnswer
	}
	return udp[udpHeader:size], nil
}
