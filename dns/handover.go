package dns

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// waitingQueries are questions the fast path passed on and CoreDNS has not yet taken.
// It takes one at a time and starts a goroutine for it, so the queue is short.
const waitingQueries = 1024

// handover is the UDP socket CoreDNS sees: what the fast path does not answer arrives
// here, and answers leave through the socket their questions came by.
type handover struct {
	socket  *udpSocket
	queries chan *packet
	pool    sync.Pool
	lost    *atomic.Uint64
	closed  chan struct{}
	close   func()
}

// packet is a question and who asked it.
type packet struct {
	from netip.AddrPort
	n    int
	b    [maxQuery]byte
}

func newHandover(k *udpSocket, lost *atomic.Uint64) *handover {
	h := &handover{socket: k, queries: make(chan *packet, waitingQueries), lost: lost, closed: make(chan struct{})}
	h.pool.New = func() any { return new(packet) }
	h.close = sync.OnceFunc(func() { close(h.closed) })
	return h
}

// pass hands a question over. When CoreDNS is that far behind the question is lost, as
// the kernel loses it when the socket's buffer is full.
func (h *handover) pass(b []byte, from netip.AddrPort) {
	p := h.pool.Get().(*packet)
	p.n, p.from = copy(p.b[:], b), from
	select {
	case h.queries <- p:
	default:
		h.lost.Add(1)
		h.pool.Put(p)
	}
}

// ReadFrom implements net.PacketConn.
func (h *handover) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-h.queries:
		n, from := copy(b, p.b[:p.n]), p.from
		h.pool.Put(p)
		return n, net.UDPAddrFromAddrPort(from), nil
	case <-h.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn.
func (h *handover) WriteTo(b []byte, to net.Addr) (int, error) {
	if err := h.socket.writeTo(b, to); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close implements net.PacketConn. The socket is closed by whoever opened it.
func (h *handover) Close() error {
	h.close()
	return nil
}

// LocalAddr implements net.PacketConn.
func (h *handover) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(h.socket.at) }

// SetReadDeadline implements net.PacketConn. CoreDNS sets a time in the past to stop
// reading, and times in the future to look about; for the second there is no need.
func (h *handover) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		h.close()
	}
	return nil
}

// SetDeadline implements net.PacketConn.
func (h *handover) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline implements net.PacketConn.
func (h *handover) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
