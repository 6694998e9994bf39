package identity

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"
)

// Class says what the network lets a client do.
type Class string

const (
	// Quarantined clients get an address, truthful but narrow DNS and the
	// portal; nothing else.
	Quarantined Class = "quarantined"
	// Admitted clients reach the Internet through their group's filter.
	Admitted Class = "admitted"
)

// Client is one address on the network and everything known about who holds it.
type Client struct {
	Addr   netip.Addr `json:"addr"`
	MAC    MAC        `json:"mac"`
	Zone   string     `json:"zone"`
	Class  Class      `json:"class"`
	Group  string     `json:"group"`            // Group.ID; the filter's policy
	Device string     `json:"device,omitempty"` // name a person gave the device
	Person string     `json:"person,omitempty"` // full name of who is signed in
	Until  time.Time  `json:"until,omitzero"`   // end of the session; zero: none

	// Waiting is set when a signature is recorded but a technician has not yet
	// approved the device.
	Waiting bool `json:"waiting,omitempty"`
	// Known is the full name of the person whose signature of the present policy
	// is on file for this device: the portal offers to continue as them.
	Known string `json:"known,omitempty"`
}

// Group is a set of people or devices that share one filter policy.
type Group struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Categories []CategoryRule `json:"categories"`           // besides the locked ones, which are always blocked
	SafeSearch bool           `json:"safesearch,omitempty"` // search engines in their safe mode only
	YouTube    YouTube        `json:"youtube,omitempty"`    // restricted mode; "" is off
	AllowOnly  bool           `json:"allow_only,omitempty"` // nothing but what was allowed by name
	Platforms  []string       `json:"platforms,omitempty"`  // Platform.ID: allowed by name, with what they need
	Sign       bool           `json:"sign"`                 // an adult must sign the policy before being online
	Child      bool           `json:"child,omitempty"`      // show the children's block page
	Admin      bool           `json:"admin,omitempty"`      // may open the admin pages
}

// Name is a host name of the school's own network.
type Name struct {
	Name string     `json:"name"` // fully qualified, lower case, no final dot
	Addr netip.Addr `json:"addr"`
}

// Zone is one part of the school's network: a subnet behind its own ports.
type Zone struct {
	ID     string       `json:"id"`
	Name   string       `json:"name"`
	Prefix netip.Prefix `json:"prefix"` // masked
	Addr   netip.Addr   `json:"addr"`   // the box, in that subnet
}

// Policy is the Acceptable Use Policy that people sign.
type Policy struct {
	Version string   `json:"version"`
	Title   string   `json:"title"`
	Clauses []string `json:"clauses"`
	SHA256  string   `json:"sha256"` // hex, of the exact text that is stored with each signature
}

// School is what pages say about the school.
type School struct {
	Name    string `json:"name"`
	Contact string `json:"contact"` // whom to ask: "Ms Ahmed in the office"
}

// Data is the plain form of a Snapshot: what travels over the wire.
type Data struct {
	Version     uint64           `json:"version"`
	Time        time.Time        `json:"time"`
	School      School           `json:"school"`
	Zones       []Zone           `json:"zones"`
	Groups      []Group          `json:"groups"`
	Clients     []Client         `json:"clients"`
	Default     string           `json:"default"`      // Group.ID of clients nobody knows
	Domain      string           `json:"domain"`       // the local domain, "school.internal"
	Portal      string           `json:"portal"`       // host name of the portal
	Names       []Name           `json:"names"`        // local names
	Upstreams   []netip.AddrPort `json:"upstreams"`    // the only resolvers ever asked
	RebindAllow []string         `json:"rebind_allow"` // names that may resolve to private addresses
	AUP         Policy           `json:"aup"`
	CapportURL  string           `json:"capport_url,omitempty"` // RFC 8908 API, only with a publicly valid certificate
	Refusal     string           `json:"refusal,omitempty"`     // set while nobody can be admitted: the sentence that says why
	Policy      Filter           `json:"policy"`                // what the school decided besides its groups
	Lists       ListsInfo        `json:"lists"`                 // the category database in use
}

// Snapshot is an immutable, indexed Data.
type Snapshot struct {
	d       Data
	clients map[netip.Addr]*Client
	groups  map[string]*Group
	names   map[string]netip.Addr
	hosts   map[netip.Addr]string
}

// New indexes d. The caller must not change d's slices afterwards.
func New(d Data) *Snapshot {
	s := &Snapshot{
		d:       d,
		clients: make(map[netip.Addr]*Client, len(d.Clients)),
		groups:  make(map[string]*Group, len(d.Groups)),
		names:   make(map[string]netip.Addr, len(d.Names)),
		hosts:   make(map[netip.Addr]string, len(d.Names)),
	}
	for i := range d.Clients {
		s.clients[d.Clients[i].Addr] = &d.Clients[i]
	}
	for i := range d.Groups {
		s.groups[d.Groups[i].ID] = &d.Groups[i]
	}
	for _, n := range d.Names {
		s.names[n.Name] = n.Addr
		if _, ok := s.hosts[n.Addr]; !ok {
			s.hosts[n.Addr] = n.Name
		}
	}
	return s
}

// Data returns the plain form. It must not be changed.
func (s *Snapshot) Data() *Data { return &s.d }

// Version is the number of this snapshot; a newer one is larger.
func (s *Snapshot) Version() uint64 { return s.d.Version }

// Lookup says who holds addr. An address nobody holds is a quarantined client
// of the zone it lies in (Zone is empty for an address in no zone); ok is false.
func (s *Snapshot) Lookup(addr netip.Addr) (c Client, ok bool) {
	addr = addr.Unmap()
	if p := s.clients[addr]; p != nil {
		return *p, true
	}
	c = Client{Addr: addr, Class: Quarantined, Group: s.d.Default}
	if z, ok := s.ZoneOf(addr); ok {
		c.Zone = z.ID
	}
	return c, false
}

// ZoneOf finds the zone in whose subnet addr lies.
func (s *Snapshot) ZoneOf(addr netip.Addr) (Zone, bool) {
	addr = addr.Unmap()
	for _, z := range s.d.Zones {
		if z.Prefix.Contains(addr) {
			return z, true
		}
	}
	return Zone{}, false
}

// Group finds a group by its ID.
func (s *Snapshot) Group(id string) (Group, bool) {
	if g := s.groups[id]; g != nil {
		return *g, true
	}
	return Group{}, false
}

// Resolve answers a local name (lower case, no final dot).
func (s *Snapshot) Resolve(name string) (netip.Addr, bool) {
	a, ok := s.names[name]
	return a, ok
}

// Host is the local name of an address.
func (s *Snapshot) Host(addr netip.Addr) (string, bool) {
	n, ok := s.hosts[addr.Unmap()]
	return n, ok
}

// Members returns the admitted clients in address order.
func (s *Snapshot) Members() []Client {
	var out []Client
	for _, c := range s.d.Clients {
		if c.Class == Admitted {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Client) int { return a.Addr.Compare(b.Addr) })
	return out
}

// NextExpiry is the earliest end of a session; zero when none ends.
func (s *Snapshot) NextExpiry() time.Time {
	var t time.Time
	for _, c := range s.d.Clients {
		if c.Class == Admitted && !c.Until.IsZero() && (t.IsZero() || c.Until.Before(t)) {
			t = c.Until
		}
	}
	return t
}

// MarshalJSON writes the plain form.
func (s *Snapshot) MarshalJSON() ([]byte, error) { return json.Marshal(s.d) }

// UnmarshalJSON reads the plain form and indexes it.
func (s *Snapshot) UnmarshalJSON(b []byte) error {
	var d Data
	if err := json.Unmarshal(b, &d); err != nil {
		return err
	}
	*s = *New(d)
	return nil
}
