package dns

import (
	"encoding/binary"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
	"stairgate/dns/policy"

	"github.com/miekg/dns"
)

// The fast path answers, straight from the packet, what a school asks all day: names
// that are blocked and names that were asked before. Everything else, and everything it
// is not sure of, goes to the chain, which is the reference: where both can answer they
// answer the same, and tests hold the one against the other.
//
// It shares with the chain whatever decides: the view of the snapshot, the policy, the
// categories, the limit of clients in quarantine and the query log. It does without
// what costs CoreDNS most of its time: a goroutine and a new stack for each packet, a
// message taken apart and put together, and the garbage of both.

// worker answers packets one after the other, with memory it made once. It belongs to
// one goroutine.
type worker struct {
	s     *Server
	q     question
	found entry
	// missed: the answer to the last question was looked for and is not kept.
	missed bool
	spare  asker
	text   [maxWireName]byte
	names  nameBuffer
}

func newWorker(s *Server) *worker { return &worker{s: s} }

// maxOwn is the longest answer the worker writes without what was kept: a question, a
// record of our own and a sentence.
const maxOwn = headerLen + maxWireName + 4 + 64

// answer writes the answer to a packet into out and returns its length; 0 leaves the
// packet, which is unchanged, to the chain. A panic costs that, and the chain will run
// into the same mistake, say so, and answer SERVFAIL.
func (w *worker) answer(v *view, b []byte, from netip.Addr, now time.Time, out []byte) (n int) {
	defer func() {
		if v := recover(); v != nil {
			w.s.report("a mistake of ours on the fast path left a query to the chain: " + harmless(v) + "\n" + string(debug.Stack()))
			n = 0
		}
	}()
	q := &w.q
	w.missed = false
	if v == nil || !q.read(b) {
		return 0
	}
	who, ok := v.asker(from, &w.spare)
	if !ok {
		return w.refuse(b, out)
	}
	quarantined := policy.ClassAt(who.client, now) == identity.Quarantined
	if int(q.qtype) >= len(typeNames) || typeNames[q.qtype] == "" || quarantined && !mayAsk(q) || v.isLocal(q) {
		return 0
	}
	name := w.names.of(appendText(w.text[:0], q.name))
	set := w.s.categories(name, q.name)
	verdict := w.s.judge(v, &who.client, name, set, now, nil)
	rcode := "NOERROR"
	switch verdict.Action {
	case policy.Block, policy.Warn:
		n = w.blocked(b, out, who.zone.Addr, &verdict, quarantined)
	case policy.Allow:
		from := led{verdict, set.Essential()}
		if n = w.kept(v, b, out, who, &from, now, quarantined); n > 0 && out[3]&0xF == dns.RcodeNameError {
			rcode = "NXDOMAIN"
		}
		if n > 0 && stops(w.s.watch(&who.client, name, set, now)) {
			return 0
		}
	}
	switch {
	case n == 0:
		return 0
	case quarantined && !w.s.limit.allow(who.client.Addr, now):
		w.s.counts.limited.Add(1)
		return w.refuse(b, out)
	}
	if !w.s.mayLog(who.client.Addr, !quarantined, now) {
		return n
	}
	w.s.log(edge.Query{
		Time: now, Version: v.snap.Version(), Addr: who.client.Addr, Name: name, Type: typeNames[q.qtype],
		Action: string(verdict.Action), Category: string(verdict.Category), Rule: verdict.Rule, Rcode: rcode,
	}, name)
	return n
}

// mayAsk reports whether a client in quarantine may ask this at all; what the chain
// refuses, the chain refuses.
func mayAsk(q *question) bool {
	if q.qtype != dns.TypeA && q.qtype != dns.TypeAAAA && q.qtype != dns.TypeHTTPS || len(q.name)-2 > longestName {
		return false
	}
	for at := 0; q.name[at] != 0; at += int(q.name[at]) + 1 {
		if q.name[at] > longestLabel {
			return false
		}
	}
	return true
}

// typeNames are the types the fast path answers, as they stand in the query log. The
// types from 128 on are questions of another kind (transfers, ANY, keys of a talk).
var typeNames = func() (t [128]string) {
	for n, name := range dns.TypeToString {
		if int(n) < len(t) && n != dns.TypeNone && n != dns.TypeOPT {
			t[n] = name
		}
	}
	return t
}()

// begin writes the header and the question.
func (w *worker) begin(b, out []byte, bits uint16, answers, authority, extra int) {
	q := &w.q
	if q.recursion {
		bits |= bitRecursion
	}
	if q.unchecked {
		bits |= bitUnchecked
	}
	copy(out[:q.end], b)
	if q.edns {
		extra++
	}
	binary.BigEndian.PutUint16(out[2:], bitResponse|bits)
	binary.BigEndian.PutUint16(out[6:], uint16(answers))
	binary.BigEndian.PutUint16(out[8:], uint16(authority))
	binary.BigEndian.PutUint16(out[10:], uint16(extra))
}

// option writes the OPT record, with an Extended DNS Error when there is a text.
func (w *worker) option(out []byte, at int, code uint16, text string) int {
	q := &w.q
	if !q.edns {
		return at
	}
	o := out[at : at+optLen]
	clear(o)
	binary.BigEndian.PutUint16(o[1:], dns.TypeOPT)
	binary.BigEndian.PutUint16(o[3:], uint16(q.asked))
	if q.do {
		o[7] = flagDO >> 8
	}
	at += optLen
	if text == "" {
		return at
	}
	binary.BigEndian.PutUint16(o[9:], uint16(6+len(text)))
	binary.BigEndian.PutUint16(out[at:], dns.EDNS0EDE)
	binary.BigEndian.PutUint16(out[at+2:], uint16(2+len(text)))
	binary.BigEndian.PutUint16(out[at+4:], code)
	return at + 6 + copy(out[at+6:], text)
}

// refuse answers REFUSED with nothing but the question.
func (w *worker) refuse(b, out []byte) int {
	w.begin(b, out, dns.RcodeRefused, 0, 0, 0)
	return w.option(out, w.q.end, 0, "")
}

// ownSOA is the data of the authority record in answers of our own: localhost,
// nobody.invalid, serial 1, 3600 600 86400, and the time to live once more.
var ownSOA = []byte("\x09localhost\x00\x06nobody\x07invalid\x00" +
	"\x00\x00\x00\x01\x00\x00\x0e\x10\x00\x00\x02\x58\x00\x01\x51\x80\x00\x00\x00\x05")

const (
	pointer0   = 0xC000 | headerLen // the owner is the name in the question
	recordHead = 12                 // octets of a record before its data, its owner a pointer
)

// blocked writes the address of the block page, or that there is no record; see the
// function blocked, which says why.
func (w *worker) blocked(b, out []byte, page netip.Addr, v *policy.Verdict, quarantined bool) int {
	q := &w.q
	text := ""
	if q.edns {
		text = v.Sentence
	}
	if !page.Is4() || maxOwn+len(ownSOA)+len(text) > len(out) {
		return 0
	}
	isA := q.qtype == dns.TypeA
	r := out[q.end:]
	binary.BigEndian.PutUint16(r, pointer0)
	binary.BigEndian.PutUint16(r[4:], dns.ClassINET)
	binary.BigEndian.PutUint32(r[6:], ttlBlocked)
	at := q.end + recordHead
	if isA {
		w.begin(b, out, bitAvailable, 1, 0, 0)
		binary.BigEndian.PutUint16(r[2:], dns.TypeA)
		a := page.As4()
		at += copy(r[recordHead:], a[:])
	} else {
		w.begin(b, out, bitAvailable, 0, 1, 0)
		binary.BigEndian.PutUint16(r[2:], dns.TypeSOA)
		at += copy(r[recordHead:], ownSOA)
	}
	binary.BigEndian.PutUint16(r[10:], uint16(at-q.end-recordHead))
	at = w.option(out, at, blockCode(v.Rule), text)
	// The chain writes the owner in full, and counts that.
	if long := at + len(q.name) - 2; long > q.size || quarantined && long > narrowSize {
		return 0
	}
	return at
}

// kept writes what the resolvers said before, if this client may go where it leads.
func (w *worker) kept(v *view, b, out []byte, who *asker, from *led, now time.Time, quarantined bool) int {
	q, e := &w.q, &w.found
	if !w.s.answers.find(e, q.name, q.qtype, variant(q.do, q.unchecked, q.authentic), now) {
		w.missed = true
		return 0
	}
	option := 0
	if q.edns {
		option = optLen
	}
	const counts = headerLen - 2 // octets of the header in a message that was kept
	total := q.end + len(e.message) - counts + option
	if total > q.size || total > len(out) || quarantined && e.long+option > narrowSize {
		return 0
	}
	if !w.mayFollow(v, who, from, now) {
		return 0
	}
	w.begin(b, out, binary.BigEndian.Uint16(e.message)&^(bitRecursion|bitUnchecked),
		int(binary.BigEndian.Uint16(e.message[4:])), int(binary.BigEndian.Uint16(e.message[6:])), int(binary.BigEndian.Uint16(e.message[8:])))
	at := q.end + copy(out[q.end:], e.message[counts:])
	for o := e.offsets; len(o) > 0; o = o[2:] {
		binary.BigEndian.PutUint32(out[binary.LittleEndian.Uint16(o):], e.ttl)
	}
	return w.option(out, at, 0, "")
}

// mayFollow judges the names an answer leads to, for this client. One that is blocked
// makes the whole answer the chain's.
func (w *worker) mayFollow(v *view, who *asker, from *led, now time.Time) bool {
	for t := w.found.targets; len(t) > 0; {
		end := 0
		for t[end] != 0 {
			end += int(t[end]) + 1
		}
		name := w.names.of(appendText(w.text[:0], t[:end+1]))
		if stops(w.s.judge(v, &who.client, name, w.s.categories(name, t[:end+1]), now, from)) {
			return false
		}
		t = t[end+1:]
	}
	return true
}

// nameBuffer makes strings that stay as long as somebody, the query log say, holds on
// to them: a piece of memory for some thousand names instead of one for each.
type nameBuffer struct{ b strings.Builder }

const nameBytes = 32 << 10

// of is the string of some octets. A Builder never moves or changes what was written
// to it while it has room.
func (n *nameBuffer) of(text []byte) string {
	if n.b.Cap()-n.b.Len() < len(text) {
		n.b.Reset()
		n.b.Grow(nameBytes)
	}
	at := n.b.Len()
	n.b.Write(text)
	return n.b.String()[at:]
}
