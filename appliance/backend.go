package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"stairgate/appliance/network"
	"stairgate/appliance/records"
	"stairgate/config"
	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/dhcp"
	"stairgate/dns/policy"
)

// backend is the writer as the answerers see it. It believes nothing of a
// request but the address and what the person typed.
type backend struct {
	b *box
}

var (
	_ edge.Backend  = backend{}
	_ edge.Follower = backend{}
)

// Snapshot implements edge.Backend.
func (e backend) Snapshot() (*identity.Snapshot, <-chan struct{}) { return e.b.loop.Snapshot() }

// Followed implements edge.Follower.
func (e backend) Followed(process int32, version uint64, now time.Time) {
	e.b.loop.followers.Followed(process, version, now)
}

// Sign records a signature, then admits: no record, no admission.
func (e backend) Sign(ctx context.Context, r edge.SignRequest) edge.Answer {
	now := e.b.now()
	c, problem := e.client(r.Addr)
	if problem != nil {
		return *problem
	}
	cfg := e.b.config.Effective()
	until, err := sessionEnd(cfg.Portal, e.b.zone(cfg), now)
	if err != nil {
		slog.Error("a session cannot be given an end", "err", err)
		return edge.Answer{Code: edge.NotRecorded, Sentence: "The school's closing time is not set up properly. Please tell " + cfg.School.Contact + "."}
	}
	if r.Continue {
		_, err = e.b.records.Continue(c.MAC, r.Addr, cfg.Portal.AUP.Version, until)
	} else {
		switch {
		case r.AUPVersion != cfg.Portal.AUP.Version:
			return edge.Answer{Code: edge.PolicyOld, Sentence: "The policy has been changed since this page was opened. Please read the new one and sign again."}
		case !r.Accepted:
			return edge.Answer{Code: edge.NotAccepted, Sentence: "Please tick the box to say that you agree to the policy."}
		}
		_, _, err = e.b.records.Sign(records.SignIn{
			FullName: r.FullName, JobTitle: r.JobTitle, MAC: c.MAC, Addr: r.Addr, Zone: c.Zone,
			Policy: policyOf(cfg), Until: until,
		})
	}
	if err != nil {
		return refusal(err)
	}
	// The record is on the disk. From here on a crash costs a second: the next
	// run derives the same admission from it.
	e.b.loop.TurnAndTell(ctx)
	snap, _ := e.b.loop.Snapshot()
	if snap == nil {
		return edge.Answer{Code: edge.NotRecorded, Sentence: "Your signature is on file, but the firewall could not be set, so you are not online yet. Please tell " + cfg.School.Contact + "."}
	}
	after, _ := snap.Lookup(r.Addr)
	switch {
	case after.Class == identity.Admitted:
		return edge.Answer{Code: edge.Admitted, Sentence: "You are online.", Until: after.Until}
	case after.Waiting:
		return edge.Answer{Code: edge.Waiting, Sentence: "Thank you, your signature is on file. The technician must approve this device before it is online.", Until: after.Until}
	}
	return edge.Answer{Code: edge.NotRecorded, Sentence: "Your signature is on file, but the firewall could not be set, so you are not online yet. Please tell " + cfg.School.Contact + "."}
}

// SignOut ends the session of whoever holds addr.
func (e backend) SignOut(ctx context.Context, addr netip.Addr) edge.Answer {
	c, problem := e.client(addr)
	if problem != nil {
		return *problem
	}
	if err := e.b.records.EndSession(c.MAC, "signed out", e.b.now()); err != nil {
		return refusal(err)
	}
	e.b.loop.TurnAndTell(ctx)
	return edge.Answer{Code: edge.SignedOut, Sentence: "You are signed out. This device is no longer online."}
}

// client finds who holds addr by our own leases.
func (e backend) client(addr netip.Addr) (identity.Client, *edge.Answer) {
	now := e.b.now()
	for _, l := range e.b.dhcp.Leases() {
		if l.Addr != addr || !l.Expires.After(now) {
			continue
		}
		if !e.b.neighbours(config.Zone{ID: l.Zone}.Bridge(), l) {
			slog.Warn("somebody asked from an address that was given to another device", "zone", l.Zone, "addr", l.Addr)
			break
		}
		return identity.Client{Addr: l.Addr, MAC: l.MAC, Zone: l.Zone}, nil
	}
	return identity.Client{}, &edge.Answer{
		Code:     edge.NoLease,
		Sentence: "This device did not get its address from the school's network. Set it to get an address automatically (DHCP), join the network again, then sign in.",
	}
}

// neighbours says whether the device behind a lease's address is the one it was
// given to: somebody with a borrowed address must not sign for its owner.
func (b *box) neighbours(bridge string, l dhcp.Lease) bool {
	mac, ok, err := network.Neighbour(bridge, l.Addr)
	b.ill("network.neighbours", err, "The box cannot see which device uses which address, so nobody new can sign in.")
	return err == nil && ok && mac == l.MAC
}

// refusal turns an error of the records into an answer.
func refusal(err error) edge.Answer {
	var no *records.Refusal
	if errors.As(err, &no) {
		return edge.Answer{Code: edge.Code(no.Code), Sentence: no.Sentence}
	}
	slog.Error("a record could not be written", "err", err)
	return edge.Answer{Code: edge.NotRecorded, Sentence: records.Sentence(err)}
}

// Why asks the filter.
func (e backend) Why(_ context.Context, addr netip.Addr, name string) edge.Reason {
	snap, _ := e.b.loop.Snapshot()
	if snap == nil {
		return edge.Reason{}
	}
	c, _ := snap.Lookup(addr)
	now := e.b.now()
	v, ok := e.b.explain.Explain(c, name, now)
	if !ok {
		return edge.Reason{}
	}
	r := edge.Reason{
		Known: true, Sentence: v.Sentence,
		// A warning shows the block page too.
		Blocked: v.Action == policy.Block || v.Action == policy.Warn,
		GoOn:    mayGoOn(snap, c, v.Verdict, now),
	}
	if i, ok := v.Category.Info(); ok {
		r.Category = i.Name
	}
	return r
}

// Log joins device and person to each row, from the snapshot that decided it.
func (e backend) Log(batch edge.Batch) {
	rows := make([]records.Query, 0, len(batch.Queries))
	// Strangers may ask for what does not exist, and must not raise an alarm.
	var members []edge.Query
	cfg := e.b.config.Effective()
	for _, q := range batch.Queries {
		if isOwn(cfg, q.Addr) {
			continue
		}
		snap := e.b.loop.at(q.Version)
		if snap == nil {
			snap, _ = e.b.loop.Snapshot()
		}
		row := records.Query{
			Time: q.Time, Addr: q.Addr, Name: q.Name, Type: q.Type,
			Action: q.Action, Category: q.Category, Rule: q.Rule, List: q.List,
		}
		e.b.metrics.Query(q.Action, q.Category)
		if snap != nil {
			c, _ := snap.Lookup(q.Addr)
			row.MAC, row.Device, row.Person = c.MAC, c.Device, c.Person
			if c.Class == identity.Admitted {
				members = append(members, q)
			}
		}
		rows = append(rows, row)
	}
	now := e.b.now()
	e.b.resolvers(members, now)
	e.b.logbook.Add(rows)
	e.b.metrics.Dropped(batch.Dropped)
	e.b.drops(batch.Dropped, now)
}

// resolvers judges the school's resolvers by what became of the questions: ill
// when questions fail and none is answered, well with the next one answered.
func (b *box) resolvers(rows []edge.Query, now time.Time) {
	answered := 0
	failed := map[string]bool{} // one broken site is not a broken resolver
	for _, q := range rows {
		switch q.Action {
		case "error":
			failed[q.Name] = true
		case string(policy.Allow):
			answered++
		}
	}
	switch {
	case answered > 0:
		b.health.Report("dns.upstream", "", now)
	case len(failed) > 1:
		b.health.Report("dns.upstream", "The resolvers named in the settings do not answer, so web sites cannot be found. Check the broadband line; if it works, check the addresses under dns.upstreams. No other resolver is asked.", now)
	}
}

// drops reports lost rows until ten minutes have passed without any.
func (b *box) drops(n uint64, now time.Time) {
	b.dropMu.Lock()
	defer b.dropMu.Unlock()
	if n > 0 {
		b.dropped += n
		b.dropAt = now
		b.health.Report("queries.dropped", fmt.Sprintf("The query log lost %d questions because they came faster than they could be written. Filtering went on.", b.dropped), now)
		return
	}
	if b.dropped > 0 && now.Sub(b.dropAt) > 10*time.Minute {
		b.dropped = 0
		b.health.Report("queries.dropped", "", now)
	}
}
