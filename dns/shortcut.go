package dns

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnsutil"
	"github.com/coredns/coredns/plugin/pkg/response"
	"github.com/miekg/dns"
)

// shortcutPlugin leads a question past the cache when a worker has just looked for its
// answer in the fast path's store, which is forty times the cache, and will find it there
// the next time. The cache would look again, copy the answer three times and throw an
// older one out for it: a sixth of what an uncached name costs.
//
// An answer the store does not take is another matter: the next question of that kind
// goes to the cache.
type shortcutPlugin struct {
	s    *Server
	next plugin.Handler // cache
}

func (shortcutPlugin) Name() string { return "shortcut" }

// ServeDNS implements plugin.Handler.
func (p shortcutPlugin) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := asked(ctx)
	if !isMissed(ctx) || p.s.unkept.has(q) {
		return p.next.ServeDNS(ctx, w, r)
	}
	authentic := r.AuthenticatedData
	out := *r
	out.AuthenticatedData = true // as the cache asks, for whoever wants to know the next time
	return forwardPlugin{p.s}.ServeDNS(ctx, settledWriter{w, authentic || isDO(r)}, &out)
}

// settledWriter does to an answer what the cache does to all that pass it, so that
// nobody can tell which way an answer came.
type settledWriter struct {
	dns.ResponseWriter
	authentic bool // the client wants to know whether the answer was checked
}

// WriteMsg implements dns.ResponseWriter. Nobody else has m.
func (w settledWriter) WriteMsg(m *dns.Msg) error {
	ttl := settledTTL(m)
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			rr.Header().Ttl = ttl
		}
	}
	m.AuthenticatedData = m.AuthenticatedData && w.authentic
	return w.ResponseWriter.WriteMsg(m)
}

// minSettled is the shortest time to live of what is in the cache; the longest is the same
// hour everywhere in CoreDNS.
const minSettled = time.Second

// settledTTL is the shortest time to live in m, within these bounds.
func settledTTL(m *dns.Msg) uint32 {
	kind, _ := response.Typify(m, time.Now().UTC())
	if kind == response.ServerError {
		return 0
	}
	return uint32(max(dnsutil.MinimalTTL(m, kind), minSettled) / time.Second)
}

func isDO(r *dns.Msg) bool {
	o := r.IsEdns0()
	return o != nil && o.Do()
}

// missedKey marks the context of questions whose answer a worker looked for in vain.
type missedKey struct{}

func withMissed(ctx context.Context) context.Context {
	return context.WithValue(ctx, missedKey{}, true)
}

func isMissed(ctx context.Context) bool { return ctx.Value(missedKey{}) != nil }

// unkept remembers the latest questions whose answers were not kept. It may forget one,
// which costs a question to the resolver, and may take one for another, which costs a
// look into the cache. Any number of goroutines may use it.
type unkept struct {
	seed maphash.Seed
	sets [256]unkeptSet
}

// unkeptSet holds some that share a place, so that two of them do not keep throwing each
// other out.
type unkeptSet struct {
	marks  [4]atomic.Uint64
	oldest atomic.Uint32
}

func newUnkept() *unkept { return &unkept{seed: maphash.MakeSeed()} }

func (u *unkept) place(q *query) (set *unkeptSet, hash uint64) {
	hash = maphash.String(u.seed, q.name) + uint64(q.qtype)
	return &u.sets[hash>>32%uint64(len(u.sets))], hash
}

func (u *unkept) add(q *query) {
	set, hash := u.place(q)
	if !set.has(hash) {
		set.marks[set.oldest.Add(1)%uint32(len(set.marks))].Store(hash)
	}
}

func (u *unkept) has(q *query) bool {
	set, hash := u.place(q)
	return set.has(hash)
}

func (s *unkeptSet) has(hash uint64) bool {
	for i := range s.marks {
		if s.marks[i].Load() == hash {
			return true
		}
	}
	return false
}
