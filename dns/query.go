package dns

import (
	"context"
	"strings"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/policy"

	"github.com/miekg/dns"
)

// query is one question on its way through the chain: what client found out, and
// what the plugins below did with it, for the log. It belongs to one goroutine.
type query struct {
	view   *view              // the one view this query is answered from
	snap   *identity.Snapshot // of view
	client identity.Client
	class  identity.Class
	zone   identity.Zone
	now    time.Time

	name  string // lower case, no final dot; "" is the root
	qtype uint16

	action   action
	rule     string
	category identity.Category
	judged   string  // the name that is in that category: this one, or one it leads to
	failure  failure // set by forward when no resolver answered
}

// action is what was done, as it stands in the log.
type action string

const (
	actionAllow  action = "allow"
	actionBlock  action = "block" // or what else policy.Action says
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
func newQuery(v *view, who *asker, r *dns.Msg, now time.Time) *query {
	return &query{
		view:   v,
		snap:   v.snap,
		client: who.client,
		class:  policy.ClassAt(who.client, now),
		zone:   who.zone,
		now:    now,
		name:   normalise(r.Question[0].Name),
		qtype:  r.Question[0].Qtype,
		action: actionAllow,
	}
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
