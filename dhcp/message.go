package dhcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
)

// Sizes of RFC 2131 section 2: every host takes a datagram of 576 bytes, and
// some old clients expect the 300 bytes of BOOTP.
const (
	headerSize  = 240 // up to and including the magic cookie
	minimumSize = 300
	ipUDPSize   = 28
	leastMTU    = 576
	largestMTU  = 1500
)

// Request is a message of a client, read once and checked.
type Request struct {
	Zone    string
	Message *dhcpv4.DHCPv4

	mac       identity.MAC
	kind      dhcpv4.MessageType
	ciaddr    netip.Addr // invalid when zero
	requested netip.Addr // option 50, invalid when absent
	server    netip.Addr // option 54, invalid when absent
}

// ParseRequest reads a datagram that arrived in a zone.
func ParseRequest(zone string, datagram []byte) (Request, error) {
	m, err := dhcpv4.FromBytes(datagram)
	if err != nil {
		return Request{}, fmt.Errorf("reading a DHCP message: %w", err)
	}
	if err := overload(m, datagram); err != nil {
		return Request{}, fmt.Errorf("reading overloaded options: %w", err)
	}
	return NewRequest(zone, m), nil
}

// NewRequest takes what Reply looks at out of m.
func NewRequest(zone string, m *dhcpv4.DHCPv4) Request {
	r := Request{Zone: zone, Message: m}
	if m.HWType == 1 {
		r.mac, _ = identity.MACFrom(m.ClientHWAddr)
	}
	if b := m.Options[dhcpv4.OptionDHCPMessageType.Code()]; len(b) == 1 {
		r.kind = dhcpv4.MessageType(b[0])
	}
	r.ciaddr = addrFrom(m.ClientIPAddr)
	r.requested = addrFrom(m.Options[dhcpv4.OptionRequestedIPAddress.Code()])
	r.server = addrFrom(m.Options[dhcpv4.OptionServerIdentifier.Code()])
	return r
}

func (r Request) option(c byte) []byte { return r.Message.Options[c] }

// addrFrom reads four bytes; anything else and 0.0.0.0 is the invalid Addr.
func addrFrom(b []byte) netip.Addr {
	if v4 := net.IP(b).To4(); v4 != nil {
		b = v4
	}
	if len(b) != 4 || binary.BigEndian.Uint32(b) == 0 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(b))
}

var errOverload = errors.New("option 52 points at options that run past their field")

// overload adds the options a client put into the fields file and sname
// (option 52, RFC 2132 section 9.3), which the library leaves alone.
func overload(m *dhcpv4.DHCPv4, b []byte) error {
	flag := m.Options[52]
	if len(flag) != 1 || len(b) < headerSize {
		return nil
	}
	sname, file := b[44:108], b[108:236]
	fields := map[byte][][]byte{1: {file}, 2: {sname}, 3: {file, sname}}[flag[0]]
	for _, f := range fields {
		for len(f) > 0 && f[0] != 255 {
			if f[0] == 0 {
				f = f[1:]
				continue
			}
			if len(f) < 2 || len(f) < 2+int(f[1]) {
				return errOverload
			}
			m.Options[f[0]] = append(m.Options[f[0]], f[2:2+int(f[1])]...)
			f = f[2+int(f[1]):]
		}
	}
	return nil
}

// Option is one option of a reply.
type Option struct {
	Code  byte
	Value []byte // at most 255 bytes
}

// Message is a reply: a header and options in the order in which they travel.
type Message struct {
	Header  dhcpv4.DHCPv4 // without options
	Options []Option
	Limit   int // bytes of payload the client takes
}

// Type is the value of option 53.
func (m *Message) Type() dhcpv4.MessageType {
	if len(m.Options) == 0 || len(m.Options[0].Value) != 1 {
		return dhcpv4.MessageTypeNone
	}
	return dhcpv4.MessageType(m.Options[0].Value[0])
}

// Bytes is the message as it travels. An option that does not fit into Limit is
// left out whole; room for those a lease cannot do without is kept, wherever the
// client wants them to stand.
func (m *Message) Bytes() []byte {
	b := m.Header.ToBytes()[:headerSize]
	room := m.Limit - headerSize - 1
	for _, o := range m.Options {
		if vital(o.Code) {
			room -= 2 + len(o.Value)
		}
	}
	for _, o := range m.Options {
		if !vital(o.Code) {
			if len(o.Value) > 255 || 2+len(o.Value) > room {
				continue
			}
			room -= 2 + len(o.Value)
		}
		b = append(b, o.Code, byte(len(o.Value)))
		b = append(b, o.Value...)
	}
	b = append(b, 255)
	for len(b) < minimumSize {
		b = append(b, 0)
	}
	return b
}

// vital options always fit: with the longest client identifier they come to 305
// bytes.
func vital(code byte) bool {
	switch code {
	case 1, 3, 6, 51, 53, 54, 58, 59, 61:
		return true
	}
	return false
}

// limit is how much payload the client takes (option 57).
func (r Request) limit() int {
	n := leastMTU
	if b := r.option(57); len(b) == 2 {
		n = min(max(n, int(binary.BigEndian.Uint16(b))), largestMTU)
	}
	return n - ipUDPSize
}

// reply begins the answer to r: header, type, server and client identifier.
func (z *zone) reply(r Request, kind dhcpv4.MessageType) *Message {
	q := r.Message
	m := &Message{
		Limit: r.limit(),
		Header: dhcpv4.DHCPv4{
			OpCode: dhcpv4.OpcodeBootReply, HWType: q.HWType, TransactionID: q.TransactionID,
			Flags: q.Flags & 0x8000, ClientHWAddr: q.ClientHWAddr,
			ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero,
			ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
		},
	}
	m.add(53, []byte{byte(kind)})
	m.add(54, z.Addr.Addr().AsSlice())
	if id, ok := q.Options[61]; ok && len(id) <= 255 {
		m.add(61, id) // RFC 6842: also in a NAK
	}
	return m
}

func (m *Message) add(code byte, value []byte) {
	m.Options = append(m.Options, Option{code, value})
}
