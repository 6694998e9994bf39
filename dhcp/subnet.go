package dhcp

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"stairgate/config"
)

// Subnet is what Server has to know of one zone.
type Subnet struct {
	Zone      string // config.Zone.ID
	Name      string // for people
	Interface string
	Addr      netip.Prefix // the box in its subnet; it is router and resolver
	From, To  netip.Addr   // the pool, both ends included
	Lease     time.Duration
	Open      bool         // for visitors: nothing of the pool is kept for known devices
	Domain    string       // option 15 and 119
	NTP       []netip.Addr // option 42
	// CaptiveURL is option 114 (RFC 8910). It is set only with a publicly valid
	// certificate: a device that cannot verify the API falls back to probing, but
	// only after a time-out.
	CaptiveURL   string
	Reservations []config.Reservation // those that lie in Addr's subnet
	Taken        []string             // DNS labels no client may call itself: the portal's
}

// SubnetsOf derives the desired state of Server from the configuration.
func SubnetsOf(cfg config.Config) []Subnet {
	var ntp []netip.Addr
	for _, s := range cfg.Time.Servers {
		// Option 42 carries addresses only; a name would have to be resolved here
		// and grow stale at the client.
		if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
			ntp = append(ntp, a)
		}
	}
	taken := []string{strings.ToLower(cfg.Portal.Host)}
	for _, r := range cfg.Reservations {
		taken = append(taken, strings.ToLower(r.Name))
	}
	taken = slices.DeleteFunc(taken, func(s string) bool { return s == "" })
	var out []Subnet
	for _, z := range cfg.Zones {
		s := Subnet{
			Zone: z.ID, Name: z.Name, Interface: z.Bridge(), Addr: z.Address,
			From: z.Pool.From, To: z.Pool.To, Lease: time.Duration(z.Pool.Lease),
			Open:   z.Kind == config.ZoneGuest,
			Domain: strings.ToLower(strings.Trim(cfg.DNS.Domain, ".")), NTP: ntp, Taken: taken,
		}
		if cfg.Portal.TLS != nil {
			s.CaptiveURL = "https://" + cfg.Portal.TLS.Host + "/captive-portal/api"
		}
		for _, r := range cfg.Reservations {
			if z.Address.Masked().Contains(r.Addr) {
				s.Reservations = append(s.Reservations, r)
			}
		}
		out = append(out, s)
	}
	return out
}
