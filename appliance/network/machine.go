package network

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"stairgate/config/identity"
)

// machine is the client's side of RFC 2131 as a pure value: the time, the link
// and the datagrams are arguments, the messages to send are results.
//
// Two things go beyond the letter of the RFC, both so that the school stays
// online. A lease is kept while the cable is out or while the router is asked
// again after a restart: only its end, a NAK or a new lease ends it. And when
// nobody confirms a remembered lease the machine looks for a new one while it
// goes on using the old (RFC 2131, 3.2.4 allows the use).
type machine struct {
	mac  identity.MAC
	rand *rand.Rand

	state  state
	lease  *WANLease // in use
	memory *WANLease // remembered from before, to be confirmed
	offer  WANLease  // being asked for

	xid   dhcpv4.TransactionID
	tries int       // messages sent in this state
	begun time.Time // when this exchange began
	next  time.Time // when to act again; zero for not before something happens

	asked   int    // messages since the last lease or the last signal on the cable
	naks    int    // likewise
	refused string // why the last offer or acknowledgement was not believed
	expired bool   // a lease ran out because nobody renewed it
}

// state is where the client stands, in the RFC's words.
type state int

const (
	stateDown       state = iota // no cable: nobody to ask
	stateInit                    // about to look for a server
	stateSelecting               // DISCOVER sent
	stateRequesting              // REQUEST for an offer sent
	stateRebooting               // REQUEST for a remembered address sent
	stateBound
	stateRenewing  // REQUEST to the server that lent it
	stateRebinding // REQUEST to any server
)

func (s state) String() string {
	return [...]string{"down", "init", "selecting", "requesting", "rebooting", "bound", "renewing", "rebinding"}[s]
}

// Retransmission: doubling from firstWait to longestWait, each ±1 s (RFC 2131,
// 4.1, which begins at 4 s; a box has a line of its own and may ask sooner).
const (
	firstWait   = 2 * time.Second
	longestWait = 64 * time.Second
	// shortestRetry is the RFC's floor between two messages of a renewal.
	shortestRetry = 60 * time.Second
	requestTries  = 4
	rebootTries   = 3
	// patience is how many unanswered messages are no reason for a sentence.
	patience = 4
)

// outgoing is a message to send: unicast to a server that is known, else to all.
type outgoing struct {
	msg    *dhcpv4.DHCPv4
	from   netip.Addr
	server netip.Addr   // the zero Addr: broadcast
	via    identity.MAC // hardware address of the way to the server
}

func newMachine(mac identity.MAC, memory *WANLease, inUse bool, r *rand.Rand) *machine {
	m := &machine{mac: mac, rand: r, memory: memory}
	if inUse {
		m.lease = memory
	}
	return m
}

// linkUp says that the cable has a signal: perhaps the same line as before,
// perhaps another one. Ask about the address we know, else for one.
func (m *machine) linkUp(now time.Time) {
	m.refused, m.naks, m.asked = "", 0, 0
	if m.lease != nil {
		m.memory = m.lease
	}
	if m.memory != nil && now.Before(m.memory.Expires) {
		m.enter(stateRebooting, now)
		return
	}
	m.memory = nil
	m.enter(stateInit, now)
}

// linkDown says that the cable is out. The address stays: cables come back.
func (m *machine) linkDown() {
	m.state, m.tries, m.next = stateDown, 0, time.Time{}
	if m.lease != nil {
		m.next = m.lease.Expires
	}
}

func (m *machine) enter(s state, now time.Time) {
	m.state, m.tries, m.begun, m.next = s, 0, now, now
	switch s {
	case stateSelecting, stateRebooting, stateRenewing, stateRebinding:
		m.xid = m.newXID()
	case stateBound:
		m.next = m.lease.Renew
	}
}

func (m *machine) newXID() dhcpv4.TransactionID {
	n := m.rand.Uint32()
	return dhcpv4.TransactionID{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// tick does what is due at now and returns the message to send, if any. Call it
// whenever next has come.
func (m *machine) tick(now time.Time) (outgoing, bool) {
	if m.lease != nil && !now.Before(m.lease.Expires) {
		m.lease, m.memory, m.expired = nil, nil, true
		if m.state == stateDown {
			m.next = time.Time{}
			return outgoing{}, false
		}
		if m.state != stateSelecting && m.state != stateRequesting {
			m.enter(stateInit, now)
		}
	}
	if m.state == stateDown || m.next.IsZero() || now.Before(m.next) {
		return outgoing{}, false
	}
	switch m.state {
	case stateInit:
		m.enter(stateSelecting, now)
	case stateRequesting:
		if m.tries >= requestTries {
			m.enter(stateSelecting, now)
		}
	case stateRebooting:
		if m.tries >= rebootTries {
			if m.lease == nil && now.Before(m.memory.Expires) {
				m.lease = m.memory
			}
			m.enter(stateSelecting, now)
		}
	case stateBound:
		m.enter(stateRenewing, now)
	}
	if m.state == stateRenewing && !now.Before(m.lease.Rebind) {
		m.enter(stateRebinding, now)
	}
	out := m.message(now)
	m.tries++
	m.asked++
	m.next = m.due(now)
	return out, true
}

// due is when the message just sent is sent again, or the lease ends.
func (m *machine) due(now time.Time) time.Time {
	var at time.Time
	switch m.state {
	case stateRenewing:
		at = now.Add(max(m.lease.Rebind.Sub(now)/2, shortestRetry))
		at = earlier(at, m.lease.Rebind)
	case stateRebinding:
		at = now.Add(max(m.lease.Expires.Sub(now)/2, shortestRetry))
	default:
		wait := min(firstWait<<min(m.tries-1, 10), longestWait)
		at = now.Add(wait + time.Duration(m.rand.Int64N(int64(2*time.Second))) - time.Second)
	}
	if m.lease != nil {
		at = earlier(at, m.lease.Expires)
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// receive takes a server's message and says whether it was meant for this
// exchange. Whatever is wrong with it costs this message only.
func (m *machine) receive(msg *dhcpv4.DHCPv4, from identity.MAC, now time.Time) bool {
	if msg.OpCode != dhcpv4.OpcodeBootReply || msg.TransactionID != m.xid {
		return false
	}
	if mac, ok := identity.MACFrom(msg.ClientHWAddr); !ok || mac != m.mac {
		return false
	}
	switch kind := msg.MessageType(); {
	case kind == dhcpv4.MessageTypeOffer && m.state == stateSelecting:
		offer, err := leaseOf(msg, from, now)
		if err != nil {
			m.refused = err.Error()
			return true
		}
		m.offer = offer
		m.state, m.tries, m.next = stateRequesting, 0, now
	case kind == dhcpv4.MessageTypeAck && m.asking():
		lease, err := leaseOf(msg, from, now)
		if err != nil {
			// A server that acknowledges nonsense is asked afresh, not at once.
			m.refused = err.Error()
			return true
		}
		if m.state == stateRequesting && lease.Server != m.offer.Server {
			return false // somebody else's answer
		}
		m.lease, m.memory, m.offer = &lease, nil, WANLease{}
		m.asked, m.naks, m.refused, m.expired = 0, 0, "", false
		m.enter(stateBound, now)
	case kind == dhcpv4.MessageTypeNak && m.asking():
		if !m.mayRefuse(msg) {
			return false
		}
		m.lease, m.memory, m.offer = nil, nil, WANLease{}
		m.enter(stateInit, now)
		if m.naks++; m.naks > 1 {
			// A server which offers and refuses in turn is not asked in a loop.
			m.next = now.Add(min(firstWait<<min(m.naks-2, 10), longestWait))
		}
	default:
		return false
	}
	return true
}

// asking says whether an acknowledgement or a refusal is being waited for.
func (m *machine) asking() bool {
	switch m.state {
	case stateRequesting, stateRebooting, stateRenewing, stateRebinding:
		return m.tries > 0
	}
	return false
}

// mayRefuse says whether the sender of a NAK has a say: while one server is
// asked, only that server.
func (m *machine) mayRefuse(nak *dhcpv4.DHCPv4) bool {
	ids := addrs(nak, dhcpv4.OptionServerIdentifier)
	if len(ids) != 1 || !usable(ids[0]) {
		return false
	}
	switch m.state {
	case stateRequesting:
		return ids[0] == m.offer.Server
	case stateRenewing:
		return ids[0] == m.lease.Server
	}
	return true
}

// problem is what is wrong with the line's DHCP, as a sentence, or "".
func (m *machine) problem(port string) string {
	silent := m.asked >= patience
	switch {
	case m.state == stateDown:
		return "" // the unplugged cable has a sentence of its own
	case m.refused != "":
		return fmt.Sprintf("The broadband router gives this box an address that cannot work (%s). Restart the broadband router; if it stays so, ask the broadband provider.", m.refused)
	case m.naks >= 3:
		return "The broadband router offers this box an address and then refuses it, again and again. Restart the broadband router; if it stays so, ask the broadband provider."
	case m.lease != nil && (m.state == stateRebinding || m.state == stateSelecting && silent):
		return "The broadband router no longer renews the address it lent to this box. The internet goes on until the loan runs out: restart the broadband router before that."
	case m.lease == nil && m.expired:
		return "The broadband router has stopped renewing the address it lent to this box, and the loan has run out: there is no internet. Restart the broadband router; if it stays so, ask the broadband provider."
	case m.lease == nil && silent:
		return fmt.Sprintf("Nothing on port %s gives this box an address: there is no internet. Check that the cable from %s leads to a LAN socket of the broadband router and that the router is switched on.", port, port)
	}
	return ""
}
