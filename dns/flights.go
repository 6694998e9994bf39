package dns

import (
	"net/netip"
	"sync"
)

// How many questions may be on their way to the resolvers at once. Slow names are
// easily made up, and each keeps its place for seconds.
const (
	memberFlights   = 1536 // of everybody who is online
	strangerFlights = 512  // of everybody else: they never take a member's place
	clientFlights   = 512  // of one client
)

// flights bounds the questions on their way, in two classes that never take from
// each other. Within a class nobody has more places than are left: a greedy client
// gets half, the next a quarter, and a modest one always finds a place, however
// many addresses somebody makes up. And one network has three quarters at most.
// Safe for any number of goroutines.
type flights struct {
	mu       sync.Mutex
	members  flightClass
	stranger flightClass
}

type flightClass struct {
	limit   int
	total   int
	clients map[netip.Addr]int
	zones   map[string]int
}

// passenger is who asks, as far as flights are concerned.
type passenger struct {
	addr   netip.Addr
	zone   string
	member bool
}

func newFlights() *flights {
	class := func(limit int) flightClass {
		return flightClass{limit: limit, clients: make(map[netip.Addr]int), zones: make(map[string]int)}
	}
	return &flights{members: class(memberFlights), stranger: class(strangerFlights)}
}

func (f *flights) of(p passenger) *flightClass {
	if p.member {
		return &f.members
	}
	return &f.stranger
}

// takeOff takes a place for p, if there is one; land gives it back.
func (f *flights) takeOff(p passenger) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.of(p)
	mine := c.clients[p.addr]
	if mine >= min(clientFlights, c.limit-c.total) || c.zones[p.zone] >= c.limit*3/4 {
		return false
	}
	c.total++
	c.clients[p.addr]++
	c.zones[p.zone]++
	return true
}

func (f *flights) land(p passenger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.of(p)
	c.total--
	if c.clients[p.addr]--; c.clients[p.addr] == 0 {
		delete(c.clients, p.addr)
	}
	if c.zones[p.zone]--; c.zones[p.zone] == 0 {
		delete(c.zones, p.zone)
	}
}
