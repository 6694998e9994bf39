package dns

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// A question to a resolver has a socket of its own while it is on its way, so a forger
// must guess its port as well as its number. Opening one takes longer than all else that
// happens to the question here, so one that was answered as it should be is kept for a
// few others, in no order: seconds later the port is another.
const (
	lineQuestions = 64              // of one line
	lineAge       = 5 * time.Second // of one line
	idleLines     = 64              // to one resolver, kept for the next questions
)

// line is a UDP socket connected to one resolver: the kernel lets nobody else's packets
// in. It belongs to one question at a time.
type line struct {
	conn   *net.UDPConn
	opened time.Time
	asked  int
	buf    [upstreamSize]byte
}

// lines are those that wait for a question. Any number of goroutines may use them.
type lines struct {
	mu    sync.Mutex
	idle  map[netip.AddrPort][]*line
	swept time.Time
}

func newLines() *lines { return &lines{idle: make(map[netip.AddrPort][]*line)} }

// take gives a line to addr that was used before, or nil.
func (l *lines) take(addr netip.AddrPort, now time.Time) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) >= lineAge/2 {
		l.sweep(now)
	}
	for idle := l.idle[addr]; len(idle) > 0; idle = l.idle[addr] {
		i := rand.IntN(len(idle))
		k := idle[i]
		idle[i] = idle[len(idle)-1]
		idle[len(idle)-1] = nil
		l.idle[addr] = idle[:len(idle)-1]
		if now.Sub(k.opened) < lineAge {
			return k
		}
		k.close()
	}
	return nil
}

// give takes a line back whose question was answered.
func (l *lines) give(addr netip.AddrPort, k *line, now time.Time) {
	if k.asked < lineQuestions && now.Sub(k.opened) < lineAge && l.keep(addr, k) {
		return
	}
	k.close()
}

func (l *lines) keep(addr netip.AddrPort, k *line) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.idle[addr]) >= idleLines {
		return false
	}
	l.idle[addr] = append(l.idle[addr], k)
	return true
}

// drop closes the lines to a resolver that was silent: they may lead where it no longer is.
func (l *lines) drop(addr netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.idle[addr] {
		k.close()
	}
	delete(l.idle, addr)
}

// sweep closes what is too old, to whichever resolver: some are asked no more.
func (l *lines) sweep(now time.Time) {
	l.swept = now
	for addr, idle := range l.idle {
		l.idle[addr] = slices.DeleteFunc(idle, func(k *line) bool {
			old := now.Sub(k.opened) >= lineAge
			if old {
				k.close()
			}
			return old
		})
		if len(l.idle[addr]) == 0 {
			delete(l.idle, addr)
		}
	}
}

func openLine(addr netip.AddrPort, now time.Time) (*line, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return &line{conn: c, opened: now}, nil
}

// close ends a line. What the kernel thinks of that is of no interest to the question.
func (k *line) close() { _ = k.conn.Close() }

// ask sends a question and waits for its answer.
func (k *line) ask(m *dns.Msg, deadline time.Time) (*dns.Msg, error) {
	k.asked++
	b, err := m.PackBuffer(k.buf[:])
	if err != nil {
		return nil, err
	}
	if err := k.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := k.conn.Write(b); err != nil {
		return nil, err
	}
	for {
		n, err := k.conn.Read(k.buf[:])
		if err != nil {
			return nil, err
		}
		if n < headerLen || binary.BigEndian.Uint16(k.buf[:]) != m.Id {
			continue // of an earlier question, twice, or a forger's guess
		}
		got := new(dns.Msg) // what it holds is copied out of buf
		if err := got.Unpack(k.buf[:n]); err != nil {
			return nil, err
		}
		return got, nil
	}
}
