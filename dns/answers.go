package dns

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The sizes of the store. An answer of a usual size takes some 100 bytes, so it
// holds about 55,000 of them, which is a week of a school's names.
const (
	answerShards = 32
	shardBytes   = 192 << 10 // 6 MiB together, and of these only what was written to is resident
	shardSlots   = 4096
	slotBytes    = 8 * shardSlots
	bucketSlots  = 16 // that an answer may stand in: two cache lines
	maxEntry     = 2048
)

// answers keeps what the resolvers said as the bytes that go to a client, for the fast
// path. It holds no verdict: whoever takes an answer out judges its name and the
// names it leads to for the client that asks.
//
// It is one ring of bytes a shard, the oldest overwritten first, in memory of its own:
// the garbage collector neither looks at it nor makes room for as much again. Any
// number of goroutines may use it.
type answers struct {
	seed   maphash.Seed
	start  time.Time // entries say when they were made in time since then
	shards [answerShards]shard
}

type shard struct {
	mu    sync.Mutex
	ring  []byte
	head  uint64 // where the next entry goes, counted from the beginning of time
	slots []byte // shardSlots of 8 octets
}

// newAnswers maps the memory. Now is the present.
func newAnswers(now time.Time) (*answers, error) {
	b, err := unix.Mmap(-1, 0, answerShards*(shardBytes+slotBytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("mapping memory for answers: %w", err)
	}
	a := &answers{seed: maphash.MakeSeed(), start: now}
	for i := range a.shards {
		a.shards[i].ring = b[i*shardBytes : (i+1)*shardBytes : (i+1)*shardBytes]
		a.shards[i].slots = b[answerShards*shardBytes+i*slotBytes:][:slotBytes:slotBytes]
		a.shards[i].head = shardBytes // so that no position is 0, which is an empty slot
	}
	runtime.AddCleanup(a, func(b []byte) { _ = unix.Munmap(b) }, b)
	return a, nil
}

// clear forgets everything.
func (a *answers) clear() {
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		clear(s.slots)
		s.mu.Unlock()
	}
}

// An entry, all numbers little-endian:
//
//	0   when it was made      8 octets, nanoseconds since start
//	8   time to live          4 octets, seconds
//	12  length of all of it   2
//	14  type of the question  2
//	16  variant               1, of the question: see variant
//	17  length of the name    1
//	18  how many times stand in the message  1
//	19  how many names it leads to           1
//	20  length when nothing is compressed    2
//	22  length of the message 2
//	24  name, offsets of the times (2 octets each), names it leads to, message
//
// The message is the header without its number, and what follows the question.
const entryHeader = 24

// variant tells questions apart that get different answers to one name and type.
func variant(do, unchecked, authentic bool) byte {
	var v byte
	if do {
		v |= 1
	}
	if unchecked {
		v |= 2
	}
	if authentic {
		v |= 4
	}
	return v
}

// entry is an answer taken out of the store. It belongs to one worker.
type entry struct {
	buf     [maxEntry]byte
	ttl     uint32 // seconds it has left
	long    int    // length when nothing is compressed
	offsets []byte // of the times in the whole message, two octets each
	targets []byte // names it leads to, in wire form, one after the other
	message []byte // header without number, and what follows the question
}

func (a *answers) hash(name []byte, qtype uint16, variant byte) uint64 {
	h := maphash.Bytes(a.seed, name)
	// The type and the variant are mixed in by a multiplication: the name's bits are
	// already unpredictable to whoever asks.
	return (h ^ uint64(qtype)<<8 ^ uint64(variant)) * 0x9E3779B97F4A7C15
}

// A slot is 0, or 24 bits of the hash and the entry's position.
const tagBits = 24

func slotOf(hash, pos uint64) uint64 { return hash<<(64-tagBits) | pos }

// slotRow is the slots an answer may stand in.
type slotRow []byte

func (b slotRow) at(i int) uint64        { return binary.LittleEndian.Uint64(b[8*i:]) }
func (b slotRow) set(i int, slot uint64) { binary.LittleEndian.PutUint64(b[8*i:], slot) }

func (s *shard) bucket(hash uint64) slotRow {
	at := (hash >> 32) % (shardSlots / bucketSlots) * (8 * bucketSlots)
	return s.slots[at : at+8*bucketSlots : at+8*bucketSlots]
}

// at is the entry a slot speaks of, or nil when it was overwritten since.
func (s *shard) at(slot uint64) []byte {
	pos := slot & (1<<(64-tagBits) - 1)
	if pos == 0 || pos+shardBytes < s.head {
		return nil
	}
	b := s.ring[pos%shardBytes:]
	return b[:binary.LittleEndian.Uint16(b[12:])]
}

func isEntry(b, name []byte, qtype uint16, variant byte) bool {
	return b != nil && binary.LittleEndian.Uint16(b[14:]) == qtype && b[16] == variant &&
		string(b[entryHeader:entryHeader+int(b[17])]) == string(name)
}

// find takes out the answer to a question that has not expired at now.
func (a *answers) find(e *entry, name []byte, qtype uint16, variant byte, now time.Time) bool {
	h := a.hash(name, qtype, variant)
	s := &a.shards[h>>59]
	n := 0
	s.mu.Lock()
	row := s.bucket(h)
	for i := range bucketSlots {
		slot := row.at(i)
		if slot>>(64-tagBits) != h&(1<<tagBits-1) {
			continue
		}
		if b := s.at(slot); isEntry(b, name, qtype, variant) {
			n = copy(e.buf[:], b)
			break
		}
	}
	s.mu.Unlock()
	return n > 0 && e.open(now.Sub(a.start))
}

// open takes the copy in buf apart; false is an answer that expired.
func (e *entry) open(now time.Duration) bool {
	b := e.buf[:]
	// A clock that was set back makes nothing older than it was.
	age := max(0, now-time.Duration(binary.LittleEndian.Uint64(b))) / time.Second
	ttl := time.Duration(binary.LittleEndian.Uint32(b[8:]))
	if age >= ttl {
		return false
	}
	e.ttl = uint32(ttl - age)
	total, name, times, targets := int(binary.LittleEndian.Uint16(b[12:])), int(b[17]), int(b[18]), int(b[19])
	e.long = int(binary.LittleEndian.Uint16(b[20:]))
	message := total - int(binary.LittleEndian.Uint16(b[22:]))
	at := entryHeader + name
	e.offsets = b[at : at+2*times]
	e.targets = b[at+2*times : message]
	if targets == 0 {
		e.targets = nil
	}
	e.message = b[message:total]
	return true
}

// put keeps an answer, unless it is too long; it takes the place of an older one to the same question.
func (a *answers) put(name []byte, qtype uint16, variant byte, now time.Time, w *wireAnswer) bool {
	total := entryHeader + len(name) + 2*len(w.offsets) + len(w.targets) + len(w.message)
	if total > maxEntry || len(w.offsets) > 255 || w.count > 255 || w.long > 65535 {
		return false
	}
	h := a.hash(name, qtype, variant)
	s := &a.shards[h>>59]
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := shardBytes - int(s.head%shardBytes); left < total {
		s.head += uint64(left) // an entry is in one piece
	}
	b := s.ring[s.head%shardBytes:][:total]
	binary.LittleEndian.PutUint64(b, uint64(now.Sub(a.start)))
	binary.LittleEndian.PutUint32(b[8:], w.ttl)
	binary.LittleEndian.PutUint16(b[12:], uint16(total))
	binary.LittleEndian.PutUint16(b[14:], qtype)
	b[16], b[17], b[18], b[19] = variant, byte(len(name)), byte(len(w.offsets)), byte(w.count)
	binary.LittleEndian.PutUint16(b[20:], uint16(w.long))
	binary.LittleEndian.PutUint16(b[22:], uint16(len(w.message)))
	at := entryHeader + copy(b[entryHeader:], name)
	for _, o := range w.offsets {
		binary.LittleEndian.PutUint16(b[at:], o)
		at += 2
	}
	at += copy(b[at:], w.targets)
	copy(b[at:], w.message)

	pos := s.head
	s.head += uint64(total)
	row := s.bucket(h)
	oldest := 0
	for i := range bucketSlots {
		slot := row.at(i)
		old := s.at(slot)
		if old == nil || slot>>(64-tagBits) == h&(1<<tagBits-1) && isEntry(old, name, qtype, variant) {
			oldest = i
			break
		}
		if slot&(1<<(64-tagBits)-1) < row.at(oldest)&(1<<(64-tagBits)-1) {
			oldest = i
		}
	}
	row.set(oldest, slotOf(h, pos))
	return true
}
