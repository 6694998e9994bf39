package dns

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"stairgate/config/identity"
	"stairgate/dns/policy"
)

// view is a snapshot made ready for questions: its rules compiled, and everything a
// question needs of it found with one lookup. It is immutable, made once a snapshot,
// and both the fast path and the chain answer from it.
type view struct {
	snap    *identity.Snapshot
	rules   *policy.Rules
	askers  map[netip.Addr]*asker // whom the snapshot knows
	unknown []asker               // one a zone, for whom it does not know
	local   [][]byte              // names the local plugin answers with all below them, in wire form
}

// asker is a client with its zone.
type asker struct {
	client identity.Client
	zone   identity.Zone
}

func newView(snap *identity.Snapshot) *view {
	d := snap.Data()
	v := &view{snap: snap, rules: policy.Compile(d), askers: make(map[netip.Addr]*asker, len(d.Clients))}
	for _, c := range d.Clients {
		if z, ok := snap.ZoneOf(c.Addr); ok {
			v.askers[c.Addr.Unmap()] = &asker{client: c, zone: z}
		}
	}
	for _, z := range d.Zones {
		v.unknown = append(v.unknown, asker{
			client: identity.Client{Zone: z.ID, Class: identity.Quarantined, Group: d.Default},
			zone:   z,
		})
	}
	names := []string{portalName(d), d.Domain}
	for _, s := range policy.Signals() {
		names = append(names, s.Zone)
	}
	if u, err := url.Parse(d.CapportURL); err == nil {
		names = append(names, strings.ToLower(u.Hostname()))
	}
	for _, n := range names {
		if w := plainWire(n); w != nil {
			v.local = append(v.local, w)
		}
	}
	return v
}

// asker says who holds addr; false is somebody in no zone. What the snapshot does not
// know is put into spare.
func (v *view) asker(addr netip.Addr, spare *asker) (*asker, bool) {
	if a := v.askers[addr]; a != nil {
		return a, true
	}
	for i := range v.unknown {
		if v.unknown[i].zone.Prefix.Contains(addr) {
			*spare = v.unknown[i]
			spare.client.Addr = addr
			return spare, true
		}
	}
	return nil, false
}

// isLocal reports whether the local plugin might answer a question. It is asked about
// every name, so it says yes too often rather than look closely.
func (v *view) isLocal(q *question) bool {
	if q.labels == 1 {
		return true
	}
	switch string(q.name[q.last : len(q.name)-1]) {
	// The reserved top-level domains, and all reverse zones with home.arpa and
	// resolver.arpa.
	case "\x04arpa", "\x05local", "\x04test", "\x07invalid", "\x05onion", "\x03alt", "\x08internal", "\x09localhost":
		return true
	}
	return slices.ContainsFunc(v.local, q.below)
}

// view is the newest snapshot, ready for questions; nil before the first.
func (s *Server) view() *view {
	snap := s.opt.Snapshot()
	if v := s.newest.Load(); v != nil && v.snap == snap || snap == nil {
		if snap == nil {
			return nil
		}
		return v
	}
	s.preparing.Lock()
	defer s.preparing.Unlock()
	old := s.newest.Load()
	if old != nil && old.snap == snap {
		return old
	}
	v := newView(snap)
	if old != nil && !slices.Equal(old.snap.Data().Zones, snap.Data().Zones) {
		// What was kept was looked through for addresses inside the old zones.
		s.answers.clear()
	}
	s.newest.Store(v)
	return v
}
