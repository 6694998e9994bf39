// Package crowd shares a bounded number of connections fairly between the
// addresses they come from: when there is no room, an address that holds its share
// or more loses its oldest idle one, so that no crowd of idle connections keeps
// somebody out, and none cuts off somebody who is being answered. Safe for any
// number of goroutines.
package crowd

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Crowd counts the connections of all its listeners together.
type Crowd struct {
	all  int
	each func(netip.Addr) int

	mu      sync.Mutex
	n       int
	clients map[netip.Addr][]*conn // oldest first
}

// New is a crowd of at most all connections, and at most each(a) from an address
// a.
func New(all int, each func(netip.Addr) int) *Crowd {
	return &Crowd{all: all, each: each, clients: make(map[netip.Addr][]*conn)}
}

// Listen makes ln's connections part of the crowd.
func (c *Crowd) Listen(ln net.Listener) net.Listener { return &listener{ln, c} }

// Note is the http.Server's ConnState: a connection that is being answered is
// the last to go.
func (c *Crowd) Note(nc net.Conn, s http.ConnState) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = t.NetConn()
	}
	if m, ok := nc.(*conn); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		m.busy = s == http.StateActive
	}
}

type listener struct {
	net.Listener
	crowd *Crowd
}

// Accept closes at once what is too much: a device that is refused tries again,
// one that waits hangs.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		m := &conn{Conn: nc, crowd: l.crowd, from: addrOf(nc.RemoteAddr())}
		victim, ok := l.crowd.enter(m)
		if victim != nil {
			// Its server notices by the next read, and Close again does no harm.
			_ = victim.Conn.Close()
		}
		if !ok {
			_ = nc.Close()
			continue
		}
		return m, nil
	}
}

// enter takes m in if there is room or somebody makes room for it.
func (c *Crowd) enter(m *conn) (victim *conn, ok bool) {
	each := max(1, c.each(m.from))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch mine := c.clients[m.from]; {
	case len(mine) >= each:
		// Its own oldest idle one goes, never somebody else's.
		if victim = idle(mine); victim == nil {
			return nil, false
		}
	case c.n >= c.all:
		if victim = c.largest(len(mine)); victim == nil {
			return nil, false // nobody has more than the one that comes
		}
	}
	if victim != nil {
		c.remove(victim)
	}
	c.clients[m.from] = append(c.clients[m.from], m)
	c.n++
	return victim, true
}

// largest finds the connection that goes for the sake of an address with a number of
// them: the oldest idle one of the address that has most, among those that have their
// share or more. Whoever makes up many addresses could otherwise keep each just below
// that of somebody who signs in with a handful. Where none is idle, the oldest of all
// the largest has, if that is more than twice what the one that comes would have.
func (c *Crowd) largest(than int) *conn {
	var most []*conn
	var waits *conn
	held := 0 // by the address of waits
	for _, theirs := range c.clients {
		n := len(theirs)
		if n > than && n > len(most) {
			most = theirs
		}
		if n <= than || n <= held || n < c.n/len(c.clients) {
			continue
		}
		if m := idle(theirs); m != nil {
			waits, held = m, n
		}
	}
	switch {
	case waits != nil:
		return waits
	case len(most) > 2*(than+1) || than == 0 && most != nil:
		return most[0]
	}
	return nil
}

// idle is the oldest connection on which nothing is being answered.
func idle(conns []*conn) *conn {
	for _, m := range conns {
		if !m.busy {
			return m
		}
	}
	return nil
}

// remove is called with mu held. What has gone already stays gone.
func (c *Crowd) remove(m *conn) {
	mine := c.clients[m.from]
	for i, o := range mine {
		if o != m {
			continue
		}
		c.n--
		if len(mine) == 1 {
			delete(c.clients, m.from)
		} else {
			c.clients[m.from] = append(mine[:i:i], mine[i+1:]...)
		}
		return
	}
}

// conn is a connection of the crowd.
type conn struct {
	net.Conn
	crowd *Crowd
	from  netip.Addr
	busy  bool // guarded by the crowd's mu
}

// Close leaves the crowd.
func (m *conn) Close() error {
	m.crowd.mu.Lock()
	m.crowd.remove(m)
	m.crowd.mu.Unlock()
	return m.Conn.Close()
}

func addrOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().WithZone("").Unmap()
}
