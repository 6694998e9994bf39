package dns

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/policy"

	"github.com/miekg/dns"
)

// query is one question on its way through the chain: what client found out, and
// what the plugins below did with it, for the log. It belongs to one goroutine.
type query struct {
	snap   *identity.Snapshot // the one snapshot this query is answered from
	client identity.Client
	class  identity.Class
	group  identity.Group
	zone   identity.Zone
	now    time.Time

	name  string // lower case, no final dot; "" is the root
	qtype uint16

	action   action
	rule     string
	category identity.Category
	failure  failure // set by forward when no resolver answered
}

// action is what was done, as it stands in the log.
type action string

const (
	actionAllow  action = "allow"
	actionBlock  action = "block"
	actionLocal  action = "local"
	actionRefuse action = "refuse"
	actionError  action = "error"
)

type queryKey struct{}

// with puts q in a context; asked takes it out. Above client there is none.
func with(ctx context.Context, q *query) context.Context {
	return context.WithValue(ctx, queryKey{}, q)
}

func asked(ctx context.Context) *query {
	q, _ := ctx.Value(queryKey{}).(*query)
	return q
}

// newQuery says who asks what.
func newQuery(snap *identity.Snapshot, addr netip.Addr, zone identity.Zone, r *dns.Msg, now time.Time) *query {
	c, _ := snap.Lookup(addr)
	return &query{
		snap:   snap,
		client: c,
		class:  policy.ClassAt(c, now),
		group:  groupOf(snap, c),
		zone:   zone,
		now:    now,
		name:   normalise(r.Question[0].Name),
		qtype:  r.Question[0].Qtype,
		action: actionAllow,
	}
}

// groupOf finds a client's group. A snapshot that names a group it does not have
// is a mistake, and a mistake must not open anything: everything listed is blocked.
func groupOf(snap *identity.Snapshot, c identity.Client) identity.Group {
	if g, ok := snap.Group(c.Group); ok {
		return g
	}
	g := identity.Group{ID: c.Group}
	for _, info := range identity.Categories() {
		g.Block = append(g.Block, info.ID)
	}
	return g
}

// normalise gives the form in which names are compared: lower case, no final dot.
// It takes what the DNS library made of the bytes on the wire, where everything
// but letters, digits and the like is already written as \DDD; so lower case is
// ASCII's, and a name in another alphabet is the xn-- form browsers send.
func normalise(name string) string {
	name = strings.ToLower(name)
	if n := len(name); n > 0 && name[n-1] == '.' && !escaped(name, n-1) {
		name = name[:n-1]
	}
	return name
}

// escaped reports whether the byte at i belongs to its label because an odd
// number of backslashes stands before it.
func escaped(name string, i int) bool {
	n := 0
	for i--; i >= 0 && name[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// under reports whether name is zone or below it. Both are normalised.
func under(name, zone string) bool {
	if len(name) == len(zone) {
		return name == zone
	}
	i := len(name) - len(zone) - 1
	return i >= 0 && name[i] == '.' && name[i+1:] == zone && !escaped(name, i)
}
