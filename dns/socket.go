package dns

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// udpSocket is a UDP socket of the fast path. It is none of package net's, because those
// make a worker that waits ask the runtime's poller: two system calls more for each batch,
// and a wake-up that comes late by as long as another goroutine has the processor. A
// worker waits in the kernel instead, on a thread of its own.
type udpSocket struct {
	fd     int
	at     netip.AddrPort
	closed atomic.Bool
	using  sync.RWMutex // for reading while fd is in use
}

// newUDPSocket binds a, an IPv4 address.
func newUDPSocket(a netip.AddrPort) (*udpSocket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	k := &udpSocket{fd: fd}
	if err := k.bind(a); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *udpSocket) bind(a netip.AddrPort) error {
	if err := unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := prepare(k.fd); err != nil {
		return err
	}
	if err := unix.Bind(k.fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	name, err := unix.Getsockname(k.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	bound, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return fmt.Errorf("the kernel says the socket is bound to %T", name)
	}
	k.at = netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port))
	return nil
}

// use calls f with the socket unless it is closed; ok is false when it is.
func (k *udpSocket) use(f func(fd int) error) (ok bool, err error) {
	k.using.RLock()
	defer k.using.RUnlock()
	if k.closed.Load() {
		return false, nil
	}
	err = f(k.fd)
	return !k.closed.Load(), err
}

// writeTo sends one packet, or says that there is no room for it. It never waits: a
// goroutine that waits here keeps a thread, and there are as many goroutines as
// questions.
func (k *udpSocket) writeTo(b []byte, to netip.AddrPort) error {
	if !to.Addr().Is4() {
		return fmt.Errorf("%v is no address to send to", to)
	}
	k.using.RLock()
	defer k.using.RUnlock()
	if k.closed.Load() {
		return net.ErrClosed
	}
	return os.NewSyscallError("sendto", unix.Sendto(k.fd, b, unix.MSG_DONTWAIT, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}))
}

// close ends what waits for packets, and returns when nobody uses the socket any more.
func (k *udpSocket) close() {
	if k.closed.Swap(true) {
		return
	}
	// On a socket without a peer this is an error, and wakes whoever waits all the same.
	_ = unix.Shutdown(k.fd, unix.SHUT_RDWR)
	k.using.Lock()
	defer k.using.Unlock()
	_ = unix.Close(k.fd)
}
