package dns

import (
	"fmt"
	"net/netip"
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
	headers [batchLen]mmsghdr
	vectors [batchLen]unix.Iovec
	peers   [batchLen]unix.RawSockaddrInet4
	packets [][]byte
	n       int                // packets received, or to be sent
	receive func(fd int) error // made once: a closure a call would be garbage a call
	send    func(fd int) error
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
		h.Namelen = unix.SizeofSockaddrInet4
		b.vectors[i].SetLen(size)
	}
	b.receive, b.send = b.tryReceive, b.trySend
	return b
}

// tryReceive waits for packets and takes all that are there, n of them. It may be none.
func (b *batch) tryReceive(fd int) error {
	for i := range max(b.n, 1) {
		b.headers[i].Namelen = unix.SizeofSockaddrInet4 // the kernel wrote into those it filled
	}
	b.n = 0
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[0])), batchLen, unix.MSG_WAITFORONE, 0, 0)
	switch errno {
	case 0:
		b.n = int(n)
	case unix.EINTR:
	default:
		return fmt.Errorf("receiving: %w", errno)
	}
	return nil
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
	b.vectors[i].SetLen(n)
}

// trySend sends the first n packets. One that cannot be sent (no route to the client any
// more, no room in the buffer) is lost, as packets are, and holds up neither the others
// nor the worker.
func (b *batch) trySend(fd int) error {
	for from := 0; from < b.n; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[from])), uintptr(b.n-from), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			from += int(n)
		case unix.EINTR:
		default:
			from++
		}
	}
	return nil
}
