package dns

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Bits of the second and third word of a DNS header (RFC 1035 section 4.1.1).
const (
	bitResponse  = 1 << 15
	bitRecursion = 1 << 8 // wanted
	bitAvailable = 1 << 7
	bitAuthentic = 1 << 5
	bitUnchecked = 1 << 4
)

const (
	headerLen   = 12
	maxWireName = 255
	optLen      = 11     // of an OPT record without options
	flagDO      = 0x8000 // in the OPT record
)

// question is the one question of a packet, read without the DNS library and
// without allocation. It belongs to one worker, which reads packet after packet
// into it.
type question struct {
	buf    [maxWireName]byte
	name   []byte    // owner name in wire form, lower case, in buf
	starts [4]uint64 // a bit for each octet of name where a label begins
	last   int       // where the top-level label begins
	labels int

	qtype uint16
	end   int // of the question in its packet

	recursion, authentic, unchecked bool // bits of the header

	edns  bool
	do    bool
	asked int // size the OPT record names
	size  int // of the longest answer the client can take; 512 without EDNS
}

// plainOctet gives the lower case of an octet of a host name, and 0 for any other.
// Those others are written with backslashes in the DNS library's form of a name, so
// names with them are left to it.
var plainOctet = func() (t [256]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = c, c
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	t['-'], t['_'] = '-', '_'
	return t
}()

// read takes a packet apart. False means that the packet is something the fast path
// does not know all about, whether it is good or bad: the chain will.
func (q *question) read(b []byte) bool {
	if len(b) < headerLen+5 {
		return false
	}
	bits := binary.BigEndian.Uint16(b[2:])
	if bits&^(bitRecursion|bitAuthentic|bitUnchecked) != 0 || // a plain query and nothing else
		binary.BigEndian.Uint16(b[4:]) != 1 || binary.BigEndian.Uint32(b[6:]) != 0 {
		return false
	}
	q.recursion, q.authentic, q.unchecked = bits&bitRecursion != 0, bits&bitAuthentic != 0, bits&bitUnchecked != 0
	if !q.readName(b[headerLen:]) {
		return false
	}
	at := headerLen + len(q.name)
	if len(b) < at+4 || binary.BigEndian.Uint16(b[at+2:]) != dns.ClassINET {
		return false
	}
	q.qtype = binary.BigEndian.Uint16(b[at:])
	q.end = at + 4
	return q.readOPT(b[q.end:], binary.BigEndian.Uint16(b[10:]))
}

// readName copies the owner name in lower case. The root and whatever is not a plain
// host name are not for us.
func (q *question) readName(b []byte) bool {
	q.starts, q.labels, q.last = [4]uint64{}, 0, 0
	at := 0
	for {
		if at >= len(b) || at >= maxWireName {
			return false
		}
		n := int(b[at])
		q.buf[at] = byte(n)
		if n == 0 {
			q.name = q.buf[:at+1]
			return q.labels > 0
		}
		// n > 63 is a compression pointer, which has nothing to point at here.
		if n > 63 || at+n+1 >= len(b) || at+n+1 >= maxWireName {
			return false
		}
		q.starts[at>>6] |= 1 << (at & 63)
		q.last = at
		q.labels++
		for i := at + 1; i <= at+n; i++ {
			c := plainOctet[b[i]]
			if c == 0 {
				return false
			}
			q.buf[i] = c
		}
		at += n + 1
	}
}

// Options an OPT record may carry on the fast path: they ask for nothing that the
// chain would answer. Any other is left to it.
const (
	optionNSID    = 3
	optionCookie  = 10
	optionPadding = 12
)

// readOPT reads what follows the question: nothing, or one OPT record.
func (q *question) readOPT(b []byte, count uint16) bool {
	q.edns, q.do, q.asked, q.size = false, false, 0, dns.MinMsgSize
	if count == 0 {
		return len(b) == 0
	}
	if count != 1 || len(b) < optLen || b[0] != 0 || binary.BigEndian.Uint16(b[1:]) != dns.TypeOPT {
		return false
	}
	flags := binary.BigEndian.Uint32(b[5:])
	if flags&^flagDO != 0 { // an extended code, another version, a bit nobody defined
		return false
	}
	q.edns, q.do = true, flags&flagDO != 0
	q.asked = int(binary.BigEndian.Uint16(b[3:]))
	q.size = max(q.asked, dns.MinMsgSize)
	options := b[optLen:]
	if int(binary.BigEndian.Uint16(b[9:])) != len(options) {
		return false
	}
	for len(options) > 0 {
		if len(options) < 4 {
			return false
		}
		switch binary.BigEndian.Uint16(options) {
		case optionNSID, optionCookie, optionPadding:
		default:
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(options[2:]))
		if n > len(options) {
			return false
		}
		options = options[n:]
	}
	return true
}

// below reports whether the name is zone or lies below it; zone is in wire form,
// lower case.
func (q *question) below(zone []byte) bool {
	at := len(q.name) - len(zone)
	return at >= 0 && (at == 0 && len(zone) > 1 || q.starts[at>>6]&(1<<(at&63)) != 0) && string(q.name[at:]) == string(zone)
}

// appendText writes the name as the query log and the policy know it: labels with
// dots between them.
func appendText(out, wire []byte) []byte {
	for at := 0; wire[at] != 0; {
		n := int(wire[at])
		if at > 0 {
			out = append(out, '.')
		}
		out = append(out, wire[at+1:at+1+n]...)
		at += n + 1
	}
	return out
}

// plainWire gives the wire form of a normalised name, or nil when the fast path could
// not be asked for it.
func plainWire(name string) []byte {
	if name == "" || len(name) > maxWireName-2 {
		return nil
	}
	out := make([]byte, len(name)+2)
	label := 0
	for i := range len(name) {
		if name[i] == '.' {
			if i == label || i-label > 63 {
				return nil
			}
			out[label] = byte(i - label)
			label = i + 1
			continue
		}
		if plainOctet[name[i]] != name[i] {
			return nil
		}
		out[i+1] = name[i]
	}
	if n := len(name) - label; n == 0 || n > 63 {
		return nil
	}
	out[label] = byte(len(name) - label)
	return out
}
