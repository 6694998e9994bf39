package dns

import (
	"errors"
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// caller is who asked a question over UDP, as the chain knows him. It belongs to one
// goroutine, which answers question after question.
type caller struct {
	socket *udpSocket
	from   netip.AddrPort
	remote net.UDPAddr
	ip     [4]byte // of remote
	buf    [maxReply]byte
}

var errNoConnection = errors.New("a question over UDP has no connection")

// is makes c the one who asked from an IPv4 address.
func (c *caller) is(from netip.AddrPort) {
	c.from, c.ip = from, from.Addr().As4()
	c.remote = net.UDPAddr{IP: c.ip[:], Port: int(from.Port())}
}

// LocalAddr implements dns.ResponseWriter.
func (c *caller) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.socket.at) }

// RemoteAddr implements dns.ResponseWriter.
func (c *caller) RemoteAddr() net.Addr { return &c.remote }

// WriteMsg implements dns.ResponseWriter.
func (c *caller) WriteMsg(m *dns.Msg) error {
	b, err := m.PackBuffer(c.buf[:])
	if err != nil {
		return err
	}
	return c.socket.writeTo(b, c.from)
}

// Write implements dns.ResponseWriter.
func (c *caller) Write(b []byte) (int, error) {
	if err := c.socket.writeTo(b, c.from); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close implements dns.ResponseWriter. The socket is everybody's.
func (*caller) Close() error { return errNoConnection }

// Hijack implements dns.ResponseWriter.
func (*caller) Hijack() {}

// TsigStatus implements dns.ResponseWriter: nobody signs anything here.
func (*caller) TsigStatus() error { return nil }

// TsigTimersOnly implements dns.ResponseWriter.
func (*caller) TsigTimersOnly(bool) {}
