package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
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
func bind(a netip.AddrPort) (udp []*udpSocket, tcp net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, k := range udp {
				k.close()
			}
			err = fmt.Errorf("binding DNS at %s: %w", a, err)
		}
	}()
	for range workers() {
		k, err := newUDPSocket(a)
		if err != nil {
			return udp, nil, err
		}
		udp = append(udp, k)
		a = k.at // with port 0 the kernel chose one, and all share it
	}
	// One socket for TCP, which nobody shares: a second dnsd fails here.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = prepare(int(fd)) })
		return errors.Join(err, failed)
	}}
	if tcp, err = lc.Listen(context.Background(), "tcp4", a.String()); err != nil {
		return udp, nil, err
	}
	return udp, &fairListener{Listener: tcp, open: make(map[netip.Addr]int)}, nil
}

// prepare sets a socket up before it is bound.
func prepare(fd int) error {
	// A bridge may get its address a moment after we start: bind all the same.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	// As root beyond net.core.rmem_max, else up to it. Either is a help, neither a
	// need.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	// Answers to addresses that do not exist wait here for a neighbour that
	// never speaks; a small buffer of them would keep everybody's answers back.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, receiveBuffer)
	}
	return nil
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
