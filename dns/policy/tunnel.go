package policy

import (
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"stairgate/config/identity"
)

// RuleTunnel is the rule of names that carry data out.
const RuleTunnel = "tunnel"

// What a tunnel is. A question carries what stands before the registered domain,
// so a program that moves data this way asks for many different long names below
// one domain. The limits are for one client and one domain, and a page full of
// pictures and advertisements stays well below them: content networks use short
// names, and few at once.
const (
	tunnelShort  = 12   // letters below the domain that carry next to nothing
	tunnelDense  = 16   // octets of information that a name carries on average
	tunnelMinute = 40   // different names in a minute
	tunnelMany   = 120  // different names in a minute that are too many even if each carries less
	tunnelThin   = 9    // namely this on average
	tunnelBurst  = 1200 // octets of information in a minute
	tunnelSpell  = 150  // different names in ten minutes
	tunnelSlow   = 3600 // octets of information in ten minutes
	tunnelFor    = 10 * time.Minute
	spell        = 10 * time.Minute
)

// The memory of a Tunnel is fixed: flowSets × flowWays pairs of client and
// domain, half a megabyte. Where there is no room the pair that moved least is
// forgotten, so that many harmless names do not hide one that moves much.
const (
	flowSets = 1024
	flowWays = 4
	shards   = 64
)

// Tunnel watches the names that clients look up for data that leaves in them.
// The zero Tunnel is ready for use. It may be used from any number of
// goroutines.
type Tunnel struct {
	shards [shards]struct {
		mu    sync.Mutex
		flows [flowSets / shards][flowWays]flow
	}
}

// flow is one client below one domain.
type flow struct {
	client netip.Addr
	domain uint64 // hash
	began  int64  // of the spell, in seconds; 0: free
	minute int64
	until  int64 // blocked until then

	names, bits             uint32 // in the spell
	minuteNames, minuteBits uint32
	seen                    [8]uint64 // which names, roughly
}

// Observe hears of a question and says whether the name may be looked up. Names
// of the school's own network need not be told of.
func (t *Tunnel) Observe(client netip.Addr, name string, now time.Time) Verdict {
	domain, below := registered(name)
	if len(below) < tunnelShort || spared(domain) {
		return Verdict{Action: Allow}
	}
	client = client.Unmap()
	h := hash(domain)
	set := h ^ hashAddr(client)
	s := &t.shards[set%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	f := place(&s.flows[set/shards%(flowSets/shards)], client, h)
	if f.add(below, now.Unix()) {
		return tunnelVerdict
	}
	return Verdict{Action: Allow}
}

var tunnelVerdict = Verdict{
	Action: Block, Rule: RuleTunnel, Category: identity.Bypass,
	Sentence: "A program on this device sends data out in the names of its questions, as tools do that go round the filter. What it asked there is not answered for ten minutes.",
}

// place finds the flow of a pair, or makes room.
func place(set *[flowWays]flow, client netip.Addr, domain uint64) *flow {
	least := &set[0]
	for i := range set {
		f := &set[i]
		if f.began != 0 && f.client == client && f.domain == domain {
			return f
		}
		if f.weight() < least.weight() {
			least = f
		}
	}
	*least = flow{client: client, domain: domain}
	return least
}

// weight is what would be lost by forgetting f.
func (f *flow) weight() uint64 {
	if f.began == 0 {
		return 0
	}
	w := 1 + uint64(f.bits)
	if f.until != 0 {
		w += 1 << 40
	}
	return w
}

// add counts a name and says whether the flow is a tunnel.
func (f *flow) add(below string, now int64) bool {
	const seconds = int64(spell / time.Second)
	if f.began == 0 || now-f.began >= seconds || now < f.began {
		f.began, f.names, f.bits, f.seen = max(now, 1), 0, 0, [8]uint64{}
		f.minute, f.minuteNames, f.minuteBits = now, 0, 0
	}
	if now-f.minute >= 60 {
		f.minute, f.minuteNames, f.minuteBits = now, 0, 0
	}
	// A program that does not see its answers asks again: each name counts once.
	if h := hash(below); !f.mark(h) {
		n := uint32(information(below))
		f.names, f.bits = f.names+1, f.bits+n
		f.minuteNames, f.minuteBits = f.minuteNames+1, f.minuteBits+n
	}
	if dense(f.minuteNames, f.minuteBits, tunnelMinute, tunnelBurst, tunnelDense) ||
		dense(f.minuteNames, f.minuteBits, tunnelMany, tunnelBurst, tunnelThin) ||
		dense(f.names, f.bits, tunnelSpell, tunnelSlow, tunnelDense) {
		f.until = now + int64(tunnelFor/time.Second)
	}
	if f.until != 0 && (now >= f.until || now < f.until-2*int64(tunnelFor/time.Second)) {
		f.until = 0 // over, or the clock was put back
	}
	return f.until != 0
}

// dense reports whether so many names carry so many octets, and each of them at
// least as many as given on average.
func dense(names, bits, most, octets, each uint32) bool {
	return names >= most && bits >= 8*octets && bits >= 8*each*names
}

// mark notes a name and says whether it was there. Now and then it takes a new
// one for one that was: then a tunnel is found some names later.
func (f *flow) mark(h uint64) bool {
	a, b := h%512, h>>32%512
	had := f.seen[a/64]&(1<<(a%64)) != 0 && f.seen[b/64]&(1<<(b%64)) != 0
	f.seen[a/64] |= 1 << (a % 64)
	f.seen[b/64] |= 1 << (b % 64)
	return had
}

// registered splits a name into the domain that somebody registered and what
// stands below it. It needs no list of public suffixes: one that is taken for a
// registered domain only makes the net a little coarser.
func registered(name string) (domain, below string) {
	last := strings.LastIndexByte(name, '.')
	if last <= 0 {
		return name, ""
	}
	second := strings.LastIndexByte(name[:last], '.')
	if second < 0 {
		return name, ""
	}
	// co.uk, com.au, ac.uk: a short label before the country.
	if len(name)-last == 3 && last-second <= 4 {
		third := strings.LastIndexByte(name[:second], '.')
		if third < 0 {
			return name, ""
		}
		second = third
	}
	return name[second+1:], name[:second]
}

// spared reports whether a domain is asked for many long names by programs that
// mean well: reverse look-ups, and virus scanners that ask their maker about a
// file or a site.
func spared(domain string) bool {
	switch domain {
	case "in-addr.arpa", "ip6.arpa", "sophosxl.net", "mcafee.com", "trendmicro.com", "avast.com", "avcdn.net",
		"kaspersky.com", "eset.com", "e5.sk", "bitdefender.net", "f-secure.com", "webroot.com", "symantec.com",
		"norton.com", "spamhaus.org", "googlesyndication.com", "googlevideo.com", "akamaihd.net":
		return true
	}
	return false
}

// information is how many bits the letters of s can carry: its length times the
// entropy of its letters.
func information(s string) int {
	var count [256]uint8
	for i := range len(s) {
		if count[s[i]] < 255 {
			count[s[i]]++
		}
	}
	bits := timesLog[min(len(s), 255)]
	for i := range len(s) {
		// Each letter once: the first that comes takes its count away.
		if n := count[s[i]]; n > 0 {
			bits -= timesLog[n]
			count[s[i]] = 0
		}
	}
	return int(bits)
}

// timesLog is n·log₂(n).
var timesLog = func() (t [256]float32) {
	for n := 2; n < 256; n++ {
		t[n] = float32(float64(n) * math.Log2(float64(n)))
	}
	return t
}()

// hash is FNV-1a with 64 bits, mixed at the end.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

func hashAddr(a netip.Addr) uint64 {
	b := a.As16()
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(h)
}

func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return h
}
