package records

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"slices"
	"strings"

	"stairgate/config/identity"
)

// A block is some rows of the query log as one value:
//
//	octet    format: 1
//	uvarint  number of rows
//	asker…   uvarint count, then of each: MAC, address, device, person
//	ruling…  uvarint count, then of each: type, action, category, rule, list
//	name…    uvarint count, then of each: how many octets it shares with the one
//	         before, and the rest. Names stand back to front, in order, so that
//	         a name and all below it are neighbours that share a beginning
//	column   of each row the number of its asker   (1, 2 or 4 octets a row)
//	column   of each row the number of its ruling
//	column   of each row the number of its name
//	column   of each row the time since the row before, uvarint, µs
//	4 octets CRC-32C of all that: SQLite itself keeps no checksum of its pages
//
// Rows stand in order of time; of two with the same time the one that came
// first is first. A school's row takes about ten octets.
const blockFormat = 1

var errBlock = errors.New("a block of the query log is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// asker is who asked: one of a few dozen in any block.
type asker struct {
	mac            identity.MAC
	addr           netip.Addr
	device, person string
}

// ruling is what was asked for but the name, and what came of it.
type ruling struct {
	qtype, action, category, rule, list string
}

// encodeBlock turns rows into a block. It sorts them.
func encodeBlock(rows []Query) []byte {
	slices.SortStableFunc(rows, func(a, b Query) int { return cmp.Compare(micros(a.Time), micros(b.Time)) })
	askers, rulings, names := numbers[asker]{}, numbers[ruling]{}, numbers[string]{}
	who, how, what := make([]uint32, len(rows)), make([]uint32, len(rows)), make([]uint32, len(rows))
	for i, q := range rows {
		who[i] = askers.of(asker{q.MAC, q.Addr, q.Device, q.Person})
		how[i] = rulings.of(ruling{q.Type, q.Action, q.Category, q.Rule, q.List})
		what[i] = names.of(backwards(q.Name))
	}
	order := names.sort(strings.Compare)
	for i := range what {
		what[i] = order[what[i]]
	}

	b := binary.AppendUvarint([]byte{blockFormat}, uint64(len(rows)))
	b = binary.AppendUvarint(b, uint64(len(askers.all)))
	for _, a := range askers.all {
		b = append(b, a.mac[:]...)
		addr := a.addr.AsSlice() // none: no octets
		b = append(b, byte(len(addr)))
		b = append(b, addr...)
		b = appendStrings(b, a.device, a.person)
	}
	b = binary.AppendUvarint(b, uint64(len(rulings.all)))
	for _, r := range rulings.all {
		b = appendStrings(b, r.qtype, r.action, r.category, r.rule, r.list)
	}
	b = binary.AppendUvarint(b, uint64(len(names.all)))
	before := ""
	for _, n := range names.all {
		shared := 0
		for shared < min(len(n), len(before)) && n[shared] == before[shared] {
			shared++
		}
		b = binary.AppendUvarint(b, uint64(shared))
		b = appendStrings(b, n[shared:])
		before = n
	}
	b = appendColumn(b, who, len(askers.all))
	b = appendColumn(b, how, len(rulings.all))
	b = appendColumn(b, what, len(names.all))
	at := int64(0)
	for i, q := range rows {
		now := micros(q.Time)
		if i == 0 {
			b = binary.AppendVarint(b, now)
		} else {
			b = binary.AppendUvarint(b, uint64(now-at))
		}
		at = now
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// numbers gives each different value a number.
type numbers[T comparable] struct {
	all []T
	by  map[T]uint32
}

func (n *numbers[T]) of(v T) uint32 {
	i, ok := n.by[v]
	if !ok {
		if n.by == nil {
			n.by = make(map[T]uint32)
		}
		i = uint32(len(n.all))
		n.by[v] = i
		n.all = append(n.all, v)
	}
	return i
}

// sort brings the values into order and says which number became which.
func (n *numbers[T]) sort(compare func(a, b T) int) (became []uint32) {
	slices.SortFunc(n.all, compare)
	became = make([]uint32, len(n.all))
	for i, v := range n.all {
		became[n.by[v]] = uint32(i)
	}
	return became
}

func appendStrings(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// widthOf is how many octets a number below n takes.
func widthOf(n int) int {
	switch {
	case n <= 1<<8:
		return 1
	case n <= 1<<16:
		return 2
	}
	return 4
}

func appendColumn(b []byte, column []uint32, n int) []byte {
	for _, v := range column {
		switch widthOf(n) {
		case 1:
			b = append(b, byte(v))
		case 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		default:
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	return b
}

// backwards turns the octets of a name round; twice is the name again.
func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}
