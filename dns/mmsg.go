package dns

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchLen = 32   // packets taken or sent with one system call
	maxQuery = 512  // octets of a question; a longer one is cut, as the DNS library cuts it
	maxReply = 2048 // octets of an answer of the fast path
)

// batch is packets and whose they are, laid out for recvmmsg(2) and sendmmsg(2). The
// kernel writes into it and reads from it; nothing is allocated after it is made.
type batch struct {
	headers  [batchLen]mmsghdr
	vectors  [batchLen]unix.Iovec
	peers    [batchLen]unix.RawSockaddrInet4
	packets  [][]byte
	receives func(fd uintptr) bool // made once: a closure a call would be garbage a call
	sends    func(fd uintptr) bool
	from, to int
	err      error
}

// mmsghdr is struct mmsghdr; Go pads it as C does.
type mmsghdr struct {
	unix.Msghdr
	n uint32
}

// newBatch makes a batch of packets of up to size octets.
func newBatch(size int) *batch {
	b := &batch{packets: make([][]byte, batchLen)}
	all := make([]byte, batchLen*size)
	for i := range b.packets {
		p := all[i*size : (i+1)*size : (i+1)*size]
		b.packets[i] = p
		b.vectors[i].Base = &p[0]
		h := &b.headers[i]
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.peers[i]))
	}
	b.receives, b.sends = b.tryReceive, b.trySend
	return b
}

// receive waits for packets and returns how many came.
func (b *batch) receive(c syscall.RawConn) (int, error) {
	for i := range b.headers {
		b.vectors[i].SetLen(len(b.packets[i]))
		b.headers[i].Namelen = unix.SizeofSockaddrInet4
	}
	if err := c.Read(b.receives); err != nil {
		return 0, err
	}
	if b.err != nil {
		return 0, fmt.Errorf("receiving: %w", b.err)
	}
	return b.to, nil
}

func (b *batch) tryReceive(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.headers[0])), batchLen, unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return false // the runtime waits for the socket and tries again
	}
	b.to, b.err = int(n), nil
	if errno != 0 {
		b.to, b.err = 0, errno
	}
	return true
}

// packet is the i-th that was received.
func (b *batch) packet(i int) []byte { return b.packets[i][:b.headers[i].n] }

// peer is who sent it.
func (b *batch) peer(i int) netip.AddrPort {
	p := &b.peers[i]
	port := (*[2]byte)(unsafe.Pointer(&p.Port)) // in network order
	return netip.AddrPortFrom(netip.AddrFrom4(p.Addr), uint16(port[0])<<8|uint16(port[1]))
}

// set makes n octets of the i-th packet to be sent an answer to the j-th of in.
func (b *batch) set(i, n int, in *batch, j int) {
	b.peers[i] = in.peers[j]
	b.headers[i].Namelen = unix.SizeofSockaddrInet4
	b.vectors[i].SetLen(n)
}

// send sends the first n packets. One that cannot be sent (no route to the client any
// more) is lost, as packets are, and does not hold up the others.
func (b *batch) send(c syscall.RawConn, n int) error {
	b.from, b.to = 0, n
	for b.from < b.to {
		if err := c.Write(b.sends); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) trySend(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.headers[b.from])), uintptr(b.to-b.from), unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return false
	case errno != 0:
		b.from++
	default:
		b.from += int(n)
	}
	return true
}
