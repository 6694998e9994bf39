package main

import (
	"context"
	"strings"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/dns/policy"
)

// goOnFor is how long somebody who was warned of a site and went on is not warned of
// it again.
const goOnFor = 30 * time.Minute

// mayGoOn reports whether c may go on from a verdict by itself: an adult who is signed
// in, from a warning and from nothing graver.
func mayGoOn(snap *identity.Snapshot, c identity.Client, v policy.Verdict, now time.Time) bool {
	g, known := snap.Group(c.Group)
	return v.Action == policy.Warn && known && !g.Child && c.Person != "" && policy.ClassAt(c, now) == identity.Admitted
}

// GoOn implements edge.Backend. Who asks follows from our own leases, and whether there
// is a warning from the filter; what the answerer says of either is not asked.
func (e backend) GoOn(ctx context.Context, r edge.GoOnRequest) edge.Answer {
	now := e.b.now()
	held, problem := e.client(r.Addr)
	if problem != nil {
		return *problem
	}
	none := edge.Answer{Code: edge.NoWarning, Sentence: "This site cannot be opened from here. If you need it, ask " + policy.Contact(e.b.config.Effective().School.Contact) + "."}
	snap, _ := e.b.loop.Snapshot()
	if snap == nil {
		return none
	}
	c, _ := snap.Lookup(r.Addr)
	var of identity.Category
	warned := func(name string) bool {
		x, ok := e.b.explain.Explain(c, name, now)
		if !ok || !mayGoOn(snap, c, x.Verdict, now) {
			return false
		}
		of = x.Category
		return true
	}
	name := strings.ToLower(strings.TrimSuffix(r.Name, "."))
	if c.MAC != held.MAC || !warned(name) {
		return none
	}
	// Behind "www." a site keeps its pictures beside itself.
	if site, ok := strings.CutPrefix(name, "www."); ok && strings.Contains(site, ".") && warned(site) {
		name = site
	}
	u, err := e.b.records.GoOn(identity.Unblock{Name: name, Device: c.MAC, Reason: r.Reason, Author: c.Person}, of, goOnFor)
	if err != nil {
		return refusal(err)
	}
	e.b.loop.TurnAndTell(ctx)
	return edge.Answer{Code: edge.WentOn, Sentence: "You may go on. That you did, and why, is on record.", Until: u.Until.In(e.b.zone(e.b.config.Effective()))}
}
