package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stairgate/appliance/network"
	"stairgate/appliance/records"
	"stairgate/config"
	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/dhcp"
	"stairgate/firewall"
)

const (
	// minute is how often the loop looks again when nothing woke it: the longest
	// that somebody else's change to the kernel's rules can stand.
	minute = time.Minute
	// again is when a turn that left something undone is followed by the next.
	again = 2 * time.Second
	// slow is how long a turn may take before it is worth a line.
	slow = time.Second
	// recent is how many past snapshots are kept to say who asked a question
	// that arrives a moment after things changed.
	recent = 32
)

// published is one snapshot and the news of its successor.
type published struct {
	snap  *identity.Snapshot
	newer chan struct{}
}

// applied is what the rules in the kernel were compiled from; its snap is nil
// when they could not be set.
type applied struct {
	cfg  config.Config
	snap *identity.Snapshot
	env  firewall.Env
}

// loop is the reconcile loop. wake may be called from any goroutine; the rest
// belongs to the goroutine of run.
type loop struct {
	b    *box
	wake chan struct{}

	// turn is held for one derivation and application, by the loop or by
	// somebody who needs the outcome at once (a signature).
	turn    sync.Mutex
	version uint64
	text    []byte       // the newest snapshot as JSON, without version and time
	drifted time.Time    // last look at what the kernel really holds
	failed  atomic.Bool  // the last turn left something undone
	suspect atomic.Bool  // somebody changed the rules, and it may not have been us
	applied applied      // what the kernel holds, as far as we know
	reached reach        // who had public resolvers when connections to them were last cut
	turned  atomic.Int64 // the kernel's uptime at the end of the last turn, in nanoseconds

	current   atomic.Pointer[published]
	followers edge.Followers

	mu   sync.Mutex
	past []*identity.Snapshot // newest last
}

func newLoop(b *box) *loop {
	l := &loop{b: b, wake: make(chan struct{}, 1)}
	// A later run of this program must not begin with a version an answerer has
	// seen already.
	l.version = uint64(b.now().UnixMilli())
	l.current.Store(&published{newer: make(chan struct{})})
	return l
}

// Wake asks for a turn. It never blocks, and any number of wakes are one turn.
func (l *loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Snapshot is the present snapshot (nil before the first) and a channel that is
// closed when there is a newer one.
func (l *loop) Snapshot() (*identity.Snapshot, <-chan struct{}) {
	p := l.current.Load()
	return p.snap, p.newer
}

// at finds a past snapshot by its version; nil when it is too old.
func (l *loop) at(version uint64) *identity.Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.past) - 1; i >= 0; i-- {
		if l.past[i].Version() == version {
			return l.past[i]
		}
	}
	return nil
}

// Turn derives what is wanted now and applies all of it.
func (l *loop) Turn() {
	l.turn.Lock()
	defer l.turn.Unlock()
	now := l.b.now()
	defer func() {
		l.turned.Store(int64(uptime()))
		if took := l.b.now().Sub(now); took > slow {
			slog.Warn("a turn of the reconcile loop was slow", "took", took)
		}
	}()
	cfg := l.b.config.Effective()

	snap, err := l.derive(cfg, now)
	l.b.ill("records.read", err, "The box cannot read its records, so it keeps to what it knew before.")
	if snap == nil {
		// Nothing was ever read: nobody is a member, and the rules still stand.
		snap = identity.New(derive(inputs{Config: cfg, Now: now, Zone: l.b.zone(cfg), Refusal: "The records cannot be read, so nobody can be let in."}))
	}

	// The rules come before everything that could carry a packet.
	enforced := l.enforce(cfg, snap, now)

	l.b.wan.Set(cfg.WAN.Port, cfg.WAN.Mode == config.WANDHCP)
	plan := network.Compile(cfg, l.b.ports(), l.b.wanLease())
	plan.Forward = enforced || l.stands(now)
	plan.ResolvFile = l.b.resolv
	_, err = network.Apply(plan)
	undone := err != nil || !enforced
	l.b.ill("network.apply", err, "The network could not be set up completely.")
	problems := network.Problems(plan)
	maps.Copy(problems, l.b.wan.Problems())
	l.b.health.Sync("line.", problems, now)

	err = l.b.dhcp.Set(dhcp.SubnetsOf(cfg))
	undone = undone || err != nil
	l.b.ill("dhcp.set", err, "Addresses cannot be handed out everywhere.")
	l.b.health.Sync("dhcp.pool.", l.b.dhcp.Problems(), now)
	l.b.health.Sync("records.db.", l.b.records.Problems(), now)
	l.b.health.Sync("lists.", l.b.lists.Problems(), now)

	err = l.b.doors.Set(adminAddrs(cfg))
	undone = undone || err != nil
	l.b.ill("admin.listen", err, "The admin pages cannot be reached everywhere.")
	l.failed.Store(undone)

	// Published last: nobody is told of an admission that is not enforced.
	if enforced {
		l.publish(snap)
	} else {
		l.text = nil // so that the next turn offers it again
	}
}

// derive reads the records and joins them; on a failure the present snapshot
// stands.
func (l *loop) derive(cfg config.Config, now time.Time) (*identity.Snapshot, error) {
	old := l.current.Load().snap
	in := inputs{Config: cfg, Leases: l.b.dhcp.Leases(), Now: now, Zone: l.b.zone(cfg)}
	if err := l.b.writable(now); err != nil {
		in.Refusal = records.Sentence(err)
	}
	var errs []error
	err := l.b.records.EndPassed(now)
	l.b.ill("records.passed", err, "Sessions that have run out cannot be put on record as over. They are over all the same.")
	in.Devices, err = l.b.records.Devices()
	errs = append(errs, err)
	in.Sessions, err = l.b.records.LiveSessions(now)
	errs = append(errs, err)
	in.Known, err = l.b.records.Known(cfg.Portal.AUP.Version)
	errs = append(errs, err)
	in.Unblocks, err = l.b.records.LiveUnblocks(now)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return old, fmt.Errorf("reading who is here: %w", err)
	}
	l.b.dhcp.Know(standingOf(in))
	d := derive(in)
	d.Lists = l.b.lists.Info()
	return l.next(d, old)
}

// next is the snapshot of d, or the old one when nothing but the time differs.
func (l *loop) next(d identity.Data, old *identity.Snapshot) (*identity.Snapshot, error) {
	// Compared as the answerers read it: two times of one instant are equal.
	same := d
	same.Version, same.Time = 0, time.Time{}
	text, err := json.Marshal(same)
	if err != nil {
		return old, fmt.Errorf("writing the snapshot: %w", err)
	}
	if old != nil && bytes.Equal(text, l.text) {
		return old, nil
	}
	l.text = text
	l.version++
	d.Version = l.version
	return identity.New(d), nil
}

// enforce brings the kernel's rules to what cfg and snap want, and says whether
// they stand.
func (l *loop) enforce(cfg config.Config, snap *identity.Snapshot, now time.Time) bool {
	env := l.b.env(cfg, now)
	env.Bypass = bypassOpen(snap.Data(), now)
	if l.applied.snap != nil && (l.suspect.Swap(false) || now.Sub(l.drifted) >= minute || now.Before(l.drifted)) {
		l.drifted = now
		// Compared with what was last applied: what we are about to change
		// ourselves is nobody's interference.
		was := l.applied.env
		was.Now = l.b.now()
		l.repairs(firewall.Compile(l.applied.cfg, l.applied.snap, was), now)
	}
	// What is left of a session counts from the moment the rules are set, not from
	// the beginning of a turn: on a slow box seconds lie between.
	env.Now = l.b.now()
	changed, err := l.b.firewall.Apply(firewall.Compile(cfg, snap, env))
	if changed {
		l.b.metrics.Applied()
	}
	l.b.ill("firewall.apply", err, "The firewall's rules could not be set. Nobody new is let in until they can.")
	if err == nil {
		l.applied = applied{cfg, snap, env}
		l.cut(cfg, env.Bypass)
	}
	return err == nil
}

// stands says whether the rules that were last applied are still what the
// kernel holds: then it may go on carrying packets by them, though newer ones
// could not be set.
func (l *loop) stands(now time.Time) bool {
	if l.applied.snap == nil {
		return false
	}
	was := l.applied.env
	was.Now = now
	differences, err := l.b.firewall.Drift(firewall.Compile(l.applied.cfg, l.applied.snap, was))
	return err == nil && !slices.ContainsFunc(differences, opens)
}

// opens says whether a difference could let somebody out: anything but a table
// of somebody else's, which can only take away what ours lets through.
func opens(difference string) bool {
	return !strings.HasPrefix(difference, "There is a table ")
}

// repairs looks whether somebody else has changed the kernel's rules, and says
// so; the Apply that follows mends it.
func (l *loop) repairs(rs firewall.Ruleset, now time.Time) {
	differences, err := l.b.firewall.Drift(rs)
	l.b.ill("firewall.read", err, "The firewall's rules cannot be read back.")
	if len(differences) == 0 {
		l.b.health.Report("firewall.drift", "", now)
		return
	}
	what := strings.Join(differences, "; ")
	l.b.audit("appliance", "firewall.repaired", "rules", what)
	l.b.metrics.Repaired()
	l.b.health.Report("firewall.drift", "Something other than this box's own program had changed the firewall's rules; they have been put back. If it happens again, call the technician. What was found: "+what+".", now)
}

func (l *loop) publish(snap *identity.Snapshot) {
	old := l.current.Load()
	if old.snap == snap {
		return
	}
	l.mu.Lock()
	l.past = append(l.past, snap)
	if len(l.past) > recent {
		l.past = l.past[len(l.past)-recent:]
	}
	l.mu.Unlock()
	l.current.Store(&published{snap: snap, newer: make(chan struct{})})
	close(old.newer)
}
