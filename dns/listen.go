package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer holds the questions of a whole school waking up at once: with
	// the kernel's default, a few hundred fit.
	receiveBuffer = 4 << 20

	maxConns       = 512 // TCP connections at one address
	maxConnsClient = 16  // of one client, so that one cannot take them all
)

// bind opens both transports at a, an IPv4 address: as many UDP sockets as there are
// workers, among which the kernel divides the clients, and one for TCP.
func bind(a netip.AddrPort) (udp []*net.UDPConn, tcp net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, c := range udp {
				c.Close()
			}
			err = fmt.Errorf("binding DNS at %s: %w", a, err)
		}
	}()
	lc := net.ListenConfig{Control: control}
	at := a.String()
	for range workers() {
		c, err := lc.ListenPacket(context.Background(), "udp4", at)
		if err != nil {
			return udp, nil, err
		}
		udp = append(udp, c.(*net.UDPConn))
		at = c.LocalAddr().String() // with port 0 the kernel chose one, and all share it
	}
	// One socket for TCP, which nobody shares: a second dnsd fails here.
	if tcp, err = lc.Listen(context.Background(), "tcp4", at); err != nil {
		return udp, nil, err
	}
	return udp, &fairListener{Listener: tcp, open: make(map[netip.Addr]int)}, nil
}

// control prepares a socket before it is bound.
func control(network, _ string, c syscall.RawConn) error {
	var errs error
	err := c.Control(func(fd uintptr) {
		if network == "udp4" {
			errs = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}
		// A bridge may get its address a moment after we start: bind all the same.
		errs = errors.Join(errs, unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1))
		// As root beyond net.core.rmem_max, else up to it. Either is a help, neither a
		// need.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
		// Answers to addresses that do not exist wait here for a neighbour that
		// never speaks; a small buffer of them would keep everybody's answers back.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, receiveBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, receiveBuffer)
		}
	})
	return errors.Join(err, errs)
}

// fairListener bounds the connections there are, and those of one client.
type fairListener struct {
	net.Listener
	mu    sync.Mutex
	open  map[netip.Addr]int
	total int
}

// Accept implements net.Listener. A connection too many is closed at once.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := addrOf(c.RemoteAddr())
		if l.take(addr) {
			return &fairConn{Conn: c, done: sync.OnceFunc(func() { l.give(addr) })}, nil
		}
		c.Close()
	}
}

func (l *fairListener) take(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxConns || l.open[a] >= maxConnsClient {
		return false
	}
	l.open[a]++
	l.total++
	return true
}

func (l *fairListener) give(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.open[a]--; l.open[a] == 0 {
		delete(l.open, a)
	}
}

type fairConn struct {
	net.Conn
	done func()
}

func (c *fairConn) Close() error {
	c.done()
	return c.Conn.Close()
}

// addrOf is the IP address of a client; the zero Addr for anything else.
func addrOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
