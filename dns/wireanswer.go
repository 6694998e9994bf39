package dns

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// wireAnswer is what the resolvers said to a question, as it goes to a client.
type wireAnswer struct {
	ttl     uint32   // seconds, of the record that expires first
	long    int      // length of the message when nothing is compressed
	offsets []uint16 // of the times to live in the message
	targets []byte   // names it leads to, in wire form, one after the other
	count   int      // of targets
	message []byte   // header without its number, and what follows the question
}

// newWireAnswer makes it of an answer that was judged and found to lead to no inside
// address. Nil is an answer that only the chain can give: a failure, one without a
// time to live, one that was cut, one that leads to a name which is not plain.
func newWireAnswer(m *dns.Msg) *wireAnswer {
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError || m.Truncated || len(m.Question) != 1 {
		return nil
	}
	w := &wireAnswer{ttl: ^uint32(0)}
	if !w.lead(m) {
		return nil
	}
	c := *m
	q := m.Question[0]
	q.Name = strings.ToLower(q.Name)
	c.Question = []dns.Question{q}
	c.Extra = slices.DeleteFunc(slices.Clone(m.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	c.Compress = false
	w.long = c.Len()
	c.Compress = true
	b, err := c.Pack()
	if err != nil {
		return nil
	}
	end := skipName(b, headerLen) + 4
	if !w.times(b, end, len(c.Answer)+len(c.Ns)+len(c.Extra)) {
		return nil
	}
	// In one piece what stands before the question and what follows it.
	w.message = append(b[2:headerLen:headerLen], b[end:]...)
	return w
}

// lead collects the names m leads to, those that judge asks about.
func (w *wireAnswer) lead(m *dns.Msg) bool {
	for _, section := range [][]dns.RR{m.Answer, m.Extra} {
		for _, rr := range section {
			target := targetOf(rr)
			if target == "" {
				continue
			}
			name := plainWire(target)
			if name == nil {
				return false
			}
			w.targets = append(w.targets, name...)
			w.count++
		}
	}
	return true
}

// times finds the times to live in a message whose records begin at an offset. What is
// written down are places in the whole message.
func (w *wireAnswer) times(b []byte, at, records int) bool {
	for range records {
		at = skipName(b, at)
		if at+10 > len(b) {
			return false
		}
		w.ttl = min(w.ttl, binary.BigEndian.Uint32(b[at+4:]))
		w.offsets = append(w.offsets, uint16(at+4))
		at += 10 + int(binary.BigEndian.Uint16(b[at+8:]))
	}
	return at == len(b) && records > 0 && w.ttl > 0
}

// skipName gives the offset behind a name, compressed or not.
func skipName(b []byte, at int) int {
	for at < len(b) {
		switch n := int(b[at]); {
		case n == 0:
			return at + 1
		case n >= 0xC0:
			return at + 2
		default:
			at += n + 1
		}
	}
	return at
}
