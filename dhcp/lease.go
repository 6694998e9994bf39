package dhcp

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Lease is an address given to a client for a time.
type Lease struct {
	Addr     netip.Addr   `json:"addr"`
	MAC      identity.MAC `json:"mac"`
	ClientID []byte       `json:"client_id,omitempty"` // option 61 as it came
	Hostname string       `json:"hostname,omitempty"`  // DNS label, unique among the leases in force
	Zone     string       `json:"zone"`
	Starts   time.Time    `json:"starts"`
	Expires  time.Time    `json:"expires,omitzero"` // zero: forget this address (Journal.Commit only)
	Vendor   string       `json:"vendor,omitempty"` // option 60, printable part: "MSFT 5.0"
}

// Live reports whether the lease is in force at now.
func (l Lease) Live(now time.Time) bool { return l.Expires.After(now) }

// Journal keeps leases through a power cut. There is at most one lease for each
// address: committing another replaces it, committing one whose Expires is zero
// deletes it. Server calls Commit from one goroutine.
type Journal interface {
	// Load returns every lease on record, also those that have run out: a client
	// that comes back gets the address it had.
	Load() ([]Lease, error)
	// Commit records leases, in order and all or none. They are durable when it
	// returns without an error.
	Commit(leases []Lease) error
}

// Names are the local DNS names of leases: Hostname in domain.
func Names(leases []Lease, domain string) []identity.Name {
	names := make([]identity.Name, 0, len(leases))
	for _, l := range leases {
		if l.Hostname == "" {
			continue
		}
		name := l.Hostname
		if domain != "" {
			name += "." + strings.ToLower(strings.Trim(domain, "."))
		}
		names = append(names, identity.Name{Name: name, Addr: l.Addr})
	}
	slices.SortFunc(names, func(a, b identity.Name) int {
		if n := strings.Compare(a.Name, b.Name); n != 0 {
			return n
		}
		return a.Addr.Compare(b.Addr)
	})
	return names
}
