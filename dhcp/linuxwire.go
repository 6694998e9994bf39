package dhcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"stairgate/config/identity"
)

const (
	serverPort = 67
	clientPort = 68
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	// receiveBuffer holds a morning's worth of DISCOVERs; the default holds 190.
	receiveBuffer = 4 << 20
)

// LinuxWire is the kernel of this machine.
type LinuxWire struct{}

// Index implements Wire.
func (LinuxWire) Index(iface string) (int, error) {
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return 0, fmt.Errorf("looking for interface %s: %w", iface, err)
	}
	return i.Index, nil
}

// Open implements Wire. Messages arrive through an ordinary UDP socket, so the
// kernel has checked them and the firewall has let them in; frames to clients
// without an address leave through a packet socket.
func (LinuxWire) Open(iface string) (messages, arp Socket, err error) {
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return nil, nil, fmt.Errorf("looking for interface %s: %w", iface, err)
	}
	mac, ok := identity.MACFrom(i.HardwareAddr)
	if !ok {
		return nil, nil, fmt.Errorf("interface %s has no Ethernet address", iface)
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return bindTo(c, iface) }}
	pc, err := lc.ListenPacket(context.Background(), "udp4", fmt.Sprintf("0.0.0.0:%d", serverPort))
	if err != nil {
		return nil, nil, fmt.Errorf("listening for DHCP on %s: %w", iface, err)
	}
	// Protocol 0 receives nothing: this socket only sends.
	raw, err := packet.Listen(i, packet.Raw, 0, nil)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening a packet socket on %s: %w", iface, err), pc.Close())
	}
	arpConn, err := packet.Listen(i, packet.Raw, etherARP, nil)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listening for ARP on %s: %w", iface, err), pc.Close(), raw.Close())
	}
	return &messageSocket{udp: pc.(*net.UDPConn), raw: raw, mac: mac}, &arpSocket{arpConn, mac}, nil
}

func bindTo(c syscall.RawConn, iface string) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
			unix.BindToDevice(int(fd), iface),
		)
		// Without the right to force it the kernel's limit applies, which serves too.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer))
		}
	}); e != nil {
		return e
	}
	return err
}

type messageSocket struct {
	udp *net.UDPConn
	raw *packet.Conn
	mac identity.MAC
}

// Receive implements Socket.
func (s *messageSocket) Receive(b []byte) (int, error) {
	n, _, err := s.udp.ReadFromUDPAddrPort(b)
	return n, err
}

// Send implements Socket.
func (s *messageSocket) Send(b []byte, to Destination) error {
	if to.MAC.IsZero() {
		_, err := s.udp.WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr, clientPort))
		return err
	}
	_, err := s.raw.WriteTo(frame(s.mac, to, b), &packet.Addr{HardwareAddr: to.MAC[:]})
	return err
}

// Close implements Socket.
func (s *messageSocket) Close() error { return errors.Join(s.udp.Close(), s.raw.Close()) }

type arpSocket struct {
	conn *packet.Conn
	mac  identity.MAC
}

// Receive implements Socket.
func (s *arpSocket) Receive(b []byte) (int, error) {
	for {
		n, from, err := s.conn.ReadFrom(b)
		if a, ok := from.(*packet.Addr); err == nil && ok && string(a.HardwareAddr) == string(s.mac[:]) {
			continue // our own
		}
		return n, err
	}
}

// Send implements Socket. b is an ARP packet from nobody; the interface's
// address is filled in.
func (s *arpSocket) Send(b []byte, to Destination) error {
	f := make([]byte, 0, 60)
	f = append(f, to.MAC[:]...)
	f = append(f, s.mac[:]...)
	f = binary.BigEndian.AppendUint16(f, etherARP)
	f = append(f, b...)
	copy(f[14+8:], s.mac[:])
	_, err := s.conn.WriteTo(f, &packet.Addr{HardwareAddr: to.MAC[:]})
	return err
}

// Close implements Socket.
func (s *arpSocket) Close() error { return s.conn.Close() }

// frame wraps a reply into UDP, IPv4 and Ethernet.
func frame(mac identity.MAC, to Destination, payload []byte) []byte {
	const ether, ip, udp = 14, 20, 8
	f := make([]byte, ether+ip+udp, ether+ip+udp+len(payload))
	f = append(f, payload...)
	copy(f, to.MAC[:])
	copy(f[6:], mac[:])
	be := binary.BigEndian
	be.PutUint16(f[12:], etherIPv4)
	h := f[ether : ether+ip]
	h[0], h[8], h[9] = 0x45, 64, unix.IPPROTO_UDP
	h[1] = 0xc0 // precedence internetwork control, as other servers do
	be.PutUint16(h[2:], uint16(len(f)-ether))
	s4, d4 := to.From.As4(), to.Addr.As4()
	copy(h[12:], s4[:])
	copy(h[16:], d4[:])
	be.PutUint16(h[10:], ^sum(0, h))
	u := f[ether+ip:]
	be.PutUint16(u, serverPort)
	be.PutUint16(u[2:], clientPort)
	be.PutUint16(u[4:], uint16(len(u)))
	pseudo := sum(uint32(unix.IPPROTO_UDP)+uint32(len(u)), h[12:20])
	if c := ^sum(uint32(pseudo), u); c != 0 {
		be.PutUint16(u[6:], c)
	} else {
		be.PutUint16(u[6:], 0xffff)
	}
	return f
}

// sum is the Internet checksum of b, not yet inverted.
func sum(s uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
