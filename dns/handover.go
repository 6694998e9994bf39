package dns

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

const (
	// maxRunners is how many questions of one address the chain works on at once: those
	// that wait for a resolver, and some more.
	maxRunners = memberFlights + strangerFlights + 512

	// idleRunners wait for the next question.
	idleRunners = 64
)

// handover brings to CoreDNS what the fast path does not answer, at the place where its
// servers for every transport bring their questions: Server.ServeDNS. Answers leave
// through one socket.
//
// CoreDNS's own server for UDP starts a goroutine for each packet. The chain is deep, so
// each of these has its stack moved twice or thrice before it has grown enough, which is
// a tenth of what an uncached name costs. Here goroutines that are done wait for another
// question, with the stack they have.
type handover struct {
	socket *udpSocket
	serve  func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) // of CoreDNS
	ctx    context.Context
	missed context.Context // ctx for questions whose answer is not kept
	lost   *atomic.Uint64

	queries chan *packet // taken from by runners without work, and by nobody else
	pool    sync.Pool
	runners atomic.Int64
	idle    atomic.Int64
	running sync.WaitGroup
}

// packet is a question and who asked it.
type packet struct {
	from   netip.AddrPort
	missed bool // its answer is not kept
	n      int
	b      [maxQuery]byte
}

func newHandover(k *udpSocket, core *dnsserver.Server, lost *atomic.Uint64) *handover {
	// What CoreDNS itself gives along.
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, core)
	ctx = context.WithValue(ctx, dnsserver.LoopKey{}, 0)
	h := &handover{socket: k, serve: core.ServeDNS, ctx: ctx, missed: withMissed(ctx), lost: lost, queries: make(chan *packet)}
	h.pool.New = func() any { return new(packet) }
	return h
}

// pass hands a question over. When the chain is at work on as many as it may the question
// is lost, as the kernel loses it when the socket's buffer is full.
func (h *handover) pass(b []byte, from netip.AddrPort, missed bool) {
	p := h.pool.Get().(*packet)
	p.n, p.from, p.missed = copy(p.b[:], b), from, missed
	select {
	case h.queries <- p:
		return
	default:
	}
	if h.runners.Add(1) > maxRunners {
		h.runners.Add(-1)
		h.lost.Add(1)
		h.pool.Put(p)
		return
	}
	h.running.Go(func() { h.run(p) })
}

// run answers p, and then whatever else there is, until there are enough who wait.
func (h *handover) run(p *packet) {
	defer h.runners.Add(-1)
	c := &caller{socket: h.socket}
	for ok := true; ok; {
		h.answer(c, p)
		h.pool.Put(p)
		if h.idle.Add(1) > idleRunners {
			h.idle.Add(-1)
			return
		}
		p, ok = <-h.queries
		h.idle.Add(-1)
	}
}

// end returns when all questions are answered. Nothing may be passed any more.
func (h *handover) end() {
	close(h.queries)
	h.running.Wait()
}

// answer does with a packet what CoreDNS's servers do.
func (h *handover) answer(c *caller, p *packet) {
	b := p.b[:p.n]
	if len(b) < headerLen {
		return
	}
	c.is(p.from)
	word := func(i int) uint16 { return binary.BigEndian.Uint16(b[2*i:]) }
	action := dns.DefaultMsgAcceptFunc(dns.Header{Id: word(0), Bits: word(1), Qdcount: word(2), Ancount: word(3), Nscount: word(4), Arcount: word(5)})
	m := new(dns.Msg)
	switch action {
	case dns.MsgAccept:
		if m.Unpack(b) == nil {
			ctx := h.ctx
			if p.missed {
				ctx = h.missed
			}
			h.serve(ctx, c, m)
			return
		}
	case dns.MsgIgnore: // an answer: to reply would be to talk to oneself for ever
		return
	}
	// Only the header is known to make sense.
	*m = dns.Msg{}
	if m.Unpack(b[:headerLen]) != nil {
		return
	}
	opcode := m.Opcode
	m.SetRcodeFormatError(m)
	m.Zero = false
	if action == dns.MsgRejectNotImplemented {
		m.Opcode, m.Rcode = opcode, dns.RcodeNotImplemented
	}
	// Nobody is there to tell when it cannot be sent.
	_ = c.WriteMsg(m)
}
