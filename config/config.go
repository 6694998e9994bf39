package config

import (
	"net/netip"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Version is the schema version this program writes.
const Version = 2

// Config is what the school wants of its network. It holds no people and no
// devices (those are records; a rule may name one) and no secret.
type Config struct {
	Version      int              `json:"version"`
	School       School           `json:"school"`
	WAN          WAN              `json:"wan"`
	Zones        []Zone           `json:"zones"`
	DNS          DNS              `json:"dns"`
	Time         Time             `json:"time"`
	Groups       []identity.Group `json:"groups"`
	Filter       Filter           `json:"filter"`
	Portal       Portal           `json:"portal"`
	Reservations []Reservation    `json:"reservations"`
}

// School is what pages say about the school.
type School struct {
	Name    string `json:"name"`
	Contact string `json:"contact"` // whom to ask: "Ms Ahmed in the office"
}

// WANMode says how the broadband side gets its address.
type WANMode string

// The two ways of getting an address.
const (
	WANDHCP   WANMode = "dhcp"
	WANStatic WANMode = "static"
)

// WAN is the port towards the broadband line.
type WAN struct {
	Port    string       `json:"port"` // Linux interface name, such as "eth0"
	Mode    WANMode      `json:"mode"`
	Address netip.Prefix `json:"address,omitzero"` // static only: 203.0.113.2/30
	Gateway netip.Addr   `json:"gateway,omitzero"` // static only
}

// ZoneKind says whom a zone is for.
type ZoneKind string

// The kinds of zone.
const (
	ZoneSchool ZoneKind = "school" // the school's own network; may reach the admin pages
	ZoneGuest  ZoneKind = "guest"  // visitors; never the admin pages
)

// Zone is a subnet behind its own physical ports, joined by a bridge named
// "br-" + ID.
type Zone struct {
	ID      string       `json:"id"`   // at most 10 of a-z 0-9 -: the bridge's name derives from it
	Name    string       `json:"name"` // for people
	Kind    ZoneKind     `json:"kind"`
	Ports   []string     `json:"ports"`
	Address netip.Prefix `json:"address"` // the box in its subnet: 192.168.77.1/24
	Pool    Pool         `json:"pool"`
	Default string       `json:"default"` // group of devices nobody has put in a group
}

// Bridge is the name of the zone's bridge interface.
func (z Zone) Bridge() string { return "br-" + z.ID }

// Pool is the range of addresses DHCP hands out.
type Pool struct {
	From  netip.Addr `json:"from"`
	To    netip.Addr `json:"to"`
	Lease Duration   `json:"lease"`
}

// DNS says who is asked and what the local names end in.
type DNS struct {
	Upstreams   []netip.AddrPort `json:"upstreams"`    // the only resolvers ever asked
	Domain      string           `json:"domain"`       // "school.internal"
	RebindAllow []string         `json:"rebind_allow"` // names that may resolve to private addresses
}

// Time is the school's clock.
type Time struct {
	Zone    string   `json:"zone"`    // IANA name: "Europe/London"
	Servers []string `json:"servers"` // NTP servers the box asks, names or addresses
}

// Filter is what the school decided about the filter besides its groups.
type Filter struct {
	Rules      []identity.Rule      `json:"rules"`
	Timetables []identity.Timetable `json:"timetables"`
	Calendar   identity.Calendar    `json:"calendar"`
}

// Approval says who lets a device on the network.
type Approval string

// The ways of approving.
const (
	// ApprovalTechnician: a device must be approved on the admin page, and where
	// its group says so an adult must sign. Both, in either order.
	ApprovalTechnician Approval = "technician"
	// ApprovalSignature: a signature is enough; the technician checks the
	// device afterwards.
	ApprovalSignature Approval = "signature"
)

// Portal is the sign-in page and the policy people sign there.
type Portal struct {
	Host        string   `json:"host"` // label in the local domain: "gate" is gate.school.internal
	Approval    Approval `json:"approval"`
	SessionMax  Duration `json:"session_max"`  // a session never lasts longer
	SessionsEnd string   `json:"sessions_end"` // and ends at this time of day, "18:30", in the school's zone
	AUP         AUP      `json:"aup"`
	TLS         *TLS     `json:"tls,omitempty"` // only a publicly valid certificate
}

// AUP is the Acceptable Use Policy, clause by clause.
type AUP struct {
	Version string   `json:"version"`
	Title   string   `json:"title"`
	Clauses []string `json:"clauses"`
}

// TLS names a publicly valid certificate for the portal. With it, DHCP option
// 114 (RFC 8910) and the API of RFC 8908 are offered; without it they are not.
type TLS struct {
	Host string `json:"host"` // public name in the certificate
	Cert string `json:"cert"` // PEM file with the whole chain
	Key  string `json:"key"`  // PEM file
}

// Reservation keeps an address for a device.
type Reservation struct {
	MAC  identity.MAC `json:"mac"`
	Addr netip.Addr   `json:"addr"`
	Name string       `json:"name"` // local DNS label
}

// Duration is written "8h", "90s".
type Duration time.Duration

// String leaves out what time.Duration writes although it is zero: "8h", not
// "8h0m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if t, ok := strings.CutSuffix(s, "m0s"); ok {
		s = t + "m"
	}
	if t, ok := strings.CutSuffix(s, "h0m"); ok {
		s = t + "h"
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Problem is something wrong with a configuration, in words for the person who
// can mend it.
type Problem struct {
	Path     string // where: "zones[1].pool.from"
	Sentence string // what is wrong and what to write instead
}

func (p Problem) Error() string { return p.Path + ": " + p.Sentence }
