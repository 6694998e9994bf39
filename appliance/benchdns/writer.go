package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

// writer is the writer's end of the socket of one dnsd: it publishes snapshots, and
// counts the rows of the query log.
type writer struct {
	name    string
	program string
	run     string     // folder of the socket
	zone    netip.Addr // where it answers

	rows, dropped atomic.Uint64

	mu      sync.Mutex
	version uint64
	snap    *identity.Snapshot
	newer   chan struct{}
}

// startWriter serves the socket of a program until the bench ends. The first is
// 127.0.0.2, those after it 127.0.0.6 and on.
func startWriter(dir, name, program string, place int) (*writer, error) {
	w := &writer{
		name: name, program: program, run: filepath.Join(dir, "run-"+name),
		zone: netip.AddrFrom4([4]byte{127, 0, 0, 2}), newer: make(chan struct{}),
	}
	if place > 0 {
		w.zone = netip.AddrFrom4([4]byte{127, 0, 0, byte(5 + place)})
	}
	if err := os.Mkdir(w.run, 0o755); err != nil {
		return nil, err
	}
	ln, err := edge.Listen(filepath.Join(w.run, "edge.sock"))
	if err != nil {
		return nil, err
	}
	go func() { _ = edge.Serve(context.Background(), ln, w) }()
	return w, nil
}

// publish puts a category database in force. The load generator is a member of staff,
// for whom every category is blocked; the school has rules of its own as well, so that
// the policy has something to look through.
func (w *writer) publish(lists identity.ListsInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	d := identity.Data{
		Version: w.version,
		School:  identity.School{Name: "Little Acorns", Contact: "Ms Ahmed in the office"},
		Zones:   []identity.Zone{{ID: "school", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Addr: w.zone}},
		Groups: []identity.Group{
			{ID: "staff", Name: "Staff", Categories: identity.Blocking(identity.AllCategories().Categories()...), SafeSearch: true},
			{ID: "children", Name: "Children", Child: true, AllowOnly: true},
		},
		Default: "staff", Domain: "school.internal", Portal: "gate", Upstreams: []netip.AddrPort{netip.MustParseAddrPort(upstreamAddr)},
		Lists: lists,
	}
	for i := range 50 { // a school's devices
		addr := netip.AddrFrom4([4]byte{127, 0, 0, byte(100 + i)})
		d.Clients = append(d.Clients, identity.Client{Addr: addr, Zone: "school", Group: "children", Class: identity.Admitted})
	}
	d.Clients = append(d.Clients, identity.Client{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Zone: "school", Group: "staff", Class: identity.Admitted})
	for _, name := range []string{"kahoot.it", "quizlet.example", "news.example", "maps.example", "games.example"} {
		d.Policy.Rules = append(d.Policy.Rules, identity.Rule{
			ID: name[:4], Action: identity.Allow, Names: []string{name}, Group: "staff", Reason: "lessons", Author: "Ms Ahmed",
		})
	}
	w.snap = identity.New(d)
	close(w.newer)
	w.newer = make(chan struct{})
}

// Snapshot implements edge.Writer.
func (w *writer) Snapshot() (*identity.Snapshot, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snap, w.newer
}

// Log implements edge.Writer.
func (w *writer) Log(b edge.Batch) {
	w.rows.Add(uint64(len(b.Queries)))
	w.dropped.Add(b.Dropped)
}

// Sign implements edge.Writer.
func (w *writer) Sign(context.Context, edge.SignRequest) edge.Answer { return edge.Answer{} }

// SignOut implements edge.Writer.
func (w *writer) SignOut(context.Context, netip.Addr) edge.Answer { return edge.Answer{} }

// Why implements edge.Writer.
func (w *writer) Why(context.Context, netip.Addr, string) edge.Reason { return edge.Reason{} }

// GoOn implements edge.Backend; nobody is warned here.
func (w *writer) GoOn(context.Context, edge.GoOnRequest) edge.Answer { return edge.Answer{} }
