package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/captive"
	"stairgate/config"
	"stairgate/config/identity"
	"stairgate/dhcp"
)

// inputs is everything who-is-here derives from.
type inputs struct {
	Config   config.Config
	Leases   []dhcp.Lease
	Devices  []records.Device
	Sessions []records.Session
	Unblocks []identity.Unblock
	Known    map[identity.MAC]string // whose signature of the policy in force is on file
	Refusal  string                  // why nobody can be admitted now; "" normally
	Now      time.Time
	Zone     *time.Location // the school's: pages show times as they come
}

// derive joins leases, devices, sessions and the configuration into the plain
// form of a snapshot. It is pure; Version is left to the caller.
//
// A device is admitted when the school approved it (or a signature is enough)
// and, where its group says that adults sign, somebody's session is live on it.
func derive(in inputs) identity.Data {
	d := identity.Data{
		Time:        in.Now.In(in.Zone),
		School:      identity.School{Name: in.Config.School.Name, Contact: in.Config.School.Contact},
		Groups:      in.Config.Groups,
		Domain:      in.Config.DNS.Domain,
		Portal:      in.Config.Portal.Host + "." + in.Config.DNS.Domain,
		Upstreams:   in.Config.DNS.Upstreams,
		RebindAllow: in.Config.DNS.RebindAllow,
		AUP:         policyOf(in.Config),
		Refusal:     in.Refusal,
	}
	if t := in.Config.Portal.TLS; t != nil {
		d.CapportURL = "https://" + t.Host + "/captive-portal/api"
	}
	zones := make(map[string]config.Zone, len(in.Config.Zones))
	for i, z := range in.Config.Zones {
		if i == 0 {
			d.Default = z.Default
		}
		zones[z.ID] = z
		d.Zones = append(d.Zones, identity.Zone{ID: z.ID, Name: z.Name, Prefix: z.Address.Masked(), Addr: z.Address.Addr()})
	}
	groups := make(map[string]identity.Group, len(in.Config.Groups))
	for _, g := range in.Config.Groups {
		groups[g.ID] = g
	}
	devices := make(map[identity.MAC]records.Device, len(in.Devices))
	for _, dev := range in.Devices {
		devices[dev.MAC] = dev
	}
	sessions := make(map[identity.MAC]records.Session, len(in.Sessions))
	for _, s := range in.Sessions {
		if s.Until.After(in.Now) && s.EndedAt.IsZero() {
			sessions[s.MAC] = s
		}
	}
	home := homes(in.Leases, sessions, in.Now)
	for _, l := range in.Leases {
		z, ok := zones[l.Zone]
		if !ok || !l.Expires.After(in.Now) {
			continue
		}
		if home[l.MAC] != l.Addr {
			// The same hardware address in a second place: one of the two is a
			// copy, and only the first is the device we know.
			d.Clients = append(d.Clients, identity.Client{Addr: l.Addr, MAC: l.MAC, Zone: z.ID, Class: identity.Quarantined, Group: z.Default})
			continue
		}
		dev := devices[l.MAC]
		c := identity.Client{
			Addr: l.Addr, MAC: l.MAC, Zone: z.ID, Class: identity.Quarantined,
			Group: z.Default, Device: dev.Name,
		}
		if _, ok := groups[dev.Group]; ok && dev.State == records.Approved {
			c.Group = dev.Group
		}
		approved := dev.State == records.Approved ||
			in.Config.Portal.Approval == config.ApprovalSignature && dev.State != records.Revoked
		sign := groups[c.Group].Sign
		s, live := sessions[l.MAC]
		if live {
			c.Person, c.Until = s.FullName, s.Until.In(in.Zone)
		} else if dev.State != records.Revoked {
			c.Known = in.Known[l.MAC]
		}
		switch {
		case approved && (live || !sign):
			c.Class = identity.Admitted
		case live && dev.State != records.Revoked:
			c.Waiting = true
		}
		d.Clients = append(d.Clients, c)
	}
	slices.SortFunc(d.Clients, func(a, b identity.Client) int { return a.Addr.Compare(b.Addr) })
	d.Names = namesOf(in, d.Zones)
	d.Policy = filterOf(in, d.Clients)
	return d
}

// filterOf is what the school decided about the filter. Rules and openings name
// people as somebody typed them once; the filter compares with the name in the
// session, so they are given that.
func filterOf(in inputs, clients []identity.Client) identity.Filter {
	f := identity.Filter{
		Rules:      in.Config.Filter.Rules,
		Timetables: in.Config.Filter.Timetables,
		Calendar:   in.Config.Filter.Calendar,
		Clock:      in.Config.Time.Zone,
	}
	here := make(map[string]string)
	for _, c := range clients {
		if c.Person != "" {
			here[records.NameKey(c.Person)] = c.Person
		}
	}
	asHere := func(person string) string {
		if name, ok := here[records.NameKey(person)]; ok && person != "" {
			return name
		}
		return person
	}
	if slices.ContainsFunc(f.Rules, func(r identity.Rule) bool { return asHere(r.Person) != r.Person }) {
		f.Rules = slices.Clone(f.Rules)
		for i := range f.Rules {
			f.Rules[i].Person = asHere(f.Rules[i].Person)
		}
	}
	for _, u := range in.Unblocks {
		if u.Until.After(in.Now) {
			u.Person = asHere(u.Person)
			f.Unblocks = append(f.Unblocks, u)
		}
	}
	return f
}

// homes says for each hardware address which of its leases is the device itself:
// the one its session began on, without a session the oldest.
func homes(leases []dhcp.Lease, sessions map[identity.MAC]records.Session, now time.Time) map[identity.MAC]netip.Addr {
	home := make(map[identity.MAC]dhcp.Lease, len(leases))
	for _, l := range leases {
		if !l.Expires.After(now) {
			continue
		}
		h, seen := home[l.MAC]
		began := sessions[l.MAC].Addr
		switch {
		case !seen, l.Addr == began, h.Addr != began && l.Starts.Before(h.Starts):
			home[l.MAC] = l
		}
	}
	out := make(map[identity.MAC]netip.Addr, len(home))
	for mac, l := range home {
		out[mac] = l.Addr
	}
	return out
}

// policyOf is the Acceptable Use Policy with the hash of the text that a
// signature stores.
func policyOf(c config.Config) identity.Policy {
	p := identity.Policy{Version: c.Portal.AUP.Version, Title: c.Portal.AUP.Title, Clauses: c.Portal.AUP.Clauses}
	sum := sha256.Sum256([]byte(records.PolicyText(p)))
	p.SHA256 = hex.EncodeToString(sum[:])
	return p
}

// namesOf are the local names: the box's own in every zone, then each lease's.
func namesOf(in inputs, zones []identity.Zone) []identity.Name {
	var out []identity.Name
	domain := in.Config.DNS.Domain
	taken := map[string]bool{}
	add := func(name string, addr netip.Addr) {
		name = strings.ToLower(name)
		if !taken[name] {
			taken[name] = true
			out = append(out, identity.Name{Name: name, Addr: addr})
		}
	}
	if len(zones) > 0 {
		for _, h := range captive.Hosts(in.Config.Portal.Host+"."+domain, domain) {
			add(h, zones[0].Addr)
		}
	}
	for _, n := range dhcp.Names(in.Leases, domain) {
		add(n.Name, n.Addr)
	}
	return out
}

// sessionEnd is when a session that begins now must end: after max at the
// latest, and at the daily time at which the school closes.
func sessionEnd(p config.Portal, zone *time.Location, now time.Time) (time.Time, error) {
	end := now.Add(time.Duration(p.SessionMax))
	closing, err := time.Parse("15:04", p.SessionsEnd)
	if err != nil {
		return time.Time{}, fmt.Errorf("portal.sessions_end %q is no time of day: %w", p.SessionsEnd, err)
	}
	local := now.In(zone)
	// time.Date, not Add: on the two days of the year when the clock is changed
	// the school still closes at the time its clock shows.
	daily := time.Date(local.Year(), local.Month(), local.Day(), closing.Hour(), closing.Minute(), 0, 0, zone)
	if !daily.After(now) {
		daily = time.Date(local.Year(), local.Month(), local.Day()+1, closing.Hour(), closing.Minute(), 0, 0, zone)
	}
	if daily.Before(end) {
		end = daily
	}
	return end, nil
}

// standingOf says how devices stand with the DHCP server: who is approved (or,
// where a signature is enough, has somebody signed in) belongs here; on whatever
// else somebody is signed in keeps its address.
func standingOf(in inputs) dhcp.Standing {
	s := dhcp.Standing{Known: map[identity.MAC]bool{}, Seated: map[identity.MAC]bool{}}
	revoked := map[identity.MAC]bool{}
	for _, d := range in.Devices {
		switch d.State {
		case records.Approved:
			s.Known[d.MAC] = true
		case records.Revoked:
			revoked[d.MAC] = true
		}
	}
	for _, v := range in.Sessions {
		s.Seated[v.MAC] = true
		if in.Config.Portal.Approval == config.ApprovalSignature && !revoked[v.MAC] {
			s.Known[v.MAC] = true
		}
	}
	return s
}
