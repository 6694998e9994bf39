package category

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
)

// Seed makes the hashes of one database unlike those of any other.
type Seed [2]uint64

// keys are what the hash is computed with.
type keys struct{ start, word, end uint64 }

// keys spreads the seed over three keys (splitmix64); the multipliers are odd.
func (s Seed) keys() keys {
	next := func(x *uint64) uint64 {
		*x += 0x9e3779b97f4a7c15
		z := *x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	x := s[0] ^ bits.RotateLeft64(s[1], 32)
	k := keys{start: next(&x)}
	x ^= s[1]
	k.word = next(&x) | 1
	k.end = next(&x) | 1
	return k
}

// fold is the multiplication all of the hash is made of: both halves of the
// product, one over the other.
func fold(x, key uint64) uint64 {
	hi, lo := bits.Mul64(x, key)
	return hi ^ lo
}

// label carries a hash one label to the left: the hash of "www.example.com" is
// made from that of "example.com", so all suffixes of a name cost one pass. The
// words of the label go in, and then its length, which keeps "a.b" and "ab" apart.
func (k keys) label(h uint64, buf *[bufferSize]byte, start, end int) uint64 {
	at := start
	for ; end-at >= 8; at += 8 {
		h = fold(h^binary.LittleEndian.Uint64(buf[at:]), k.word)
	}
	if rest := uint(end - at); rest > 0 {
		// The bytes behind the label belong to the next one or to nobody.
		w := binary.LittleEndian.Uint64(buf[at:]) & (1<<(8*rest) - 1)
		h = fold(h^w, k.word)
	}
	return fold(h^uint64(end-start), k.end)
}

const (
	maxName    = 254 // bytes of a name in text; on the wire the root is one more
	maxLabels  = 128
	bufferSize = maxName + 1 + 8 // a word may be read past the last label
)

// split is a name cut into labels, on the stack. Label i is
// buf[starts[i]:starts[i+1]-1].
type split struct {
	buf    [bufferSize]byte
	starts [maxLabels + 1]uint8
	labels int
	// cut is set when labels were left out on the left: the name is longer than
	// any in DNS, and only what lies above it can be looked up.
	cut bool
}

// name splits a name in presentation form. Of a name too long for DNS the labels on
// the left are left out.
func (s *split) name(name string) {
	escaped := strings.IndexByte(name, '\\') >= 0
	for escaped && !s.escaped(name) || !escaped && !s.plain(name) {
		*s = split{cut: true}
		name, _ = parent(name)
	}
}

func (s *split) plain(name string) bool {
	if len(name) > maxName {
		return false
	}
	if name == "" {
		return true
	}
	n := copy(s.buf[:], name)
	for at := 0; ; {
		i := bytes.IndexByte(s.buf[at:n], '.')
		if i < 0 {
			break
		}
		if s.labels == maxLabels-1 {
			return false
		}
		at += i + 1
		s.labels++
		s.starts[s.labels] = uint8(at)
	}
	s.labels++
	s.starts[s.labels] = uint8(n + 1)
	return true
}

// escaped splits a name with backslashes: "\." is a dot within a label, "\065" is
// the byte 65.
func (s *split) escaped(name string) bool {
	n := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			if s.labels == maxLabels-1 {
				return false
			}
			s.labels++
			s.starts[s.labels] = uint8(n + 1)
		case c == '\\' && i+3 < len(name) && digits(name[i+1:i+4]):
			c = (name[i+1]-'0')*100 + (name[i+2]-'0')*10 + name[i+3] - '0'
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			i += 3
		case c == '\\' && i+1 < len(name):
			i++
			c = name[i]
		}
		if n == maxName {
			return false
		}
		s.buf[n] = c
		n++
	}
	if n == 0 {
		return true
	}
	s.labels++
	s.starts[s.labels] = uint8(n + 1)
	return true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// wire splits an uncompressed name in wire form; false when it is none.
func (s *split) wire(wire []byte) bool {
	n := copy(s.buf[:maxName+1], wire)
	for at := 0; at < n; {
		size := int(s.buf[at])
		if size == 0 {
			return true
		}
		if size > 63 || at+1+size >= n || s.labels == maxLabels-1 {
			return false
		}
		s.starts[s.labels] = uint8(at + 1)
		at += 1 + size
		s.labels++
		s.starts[s.labels] = uint8(at + 1)
	}
	return false
}

// whole reports whether the labels from i on are the whole name.
func (s *split) whole(i int) bool { return i == 0 && !s.cut }

// suffix is the presentation of the labels from i on.
func (s *split) suffix(i int) string {
	var b strings.Builder
	for l := i; l < s.labels; l++ {
		if l > i {
			b.WriteByte('.')
		}
		b.Write(s.buf[s.starts[l] : s.starts[l+1]-1])
	}
	return b.String()
}
