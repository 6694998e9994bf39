package firewall

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Datatype is nft's name for what a set's key is made of.
type Datatype string

// The data types in use.
const (
	EtherAddr   Datatype = "ether_addr"
	IPv4Addr    Datatype = "ipv4_addr"
	InetProto   Datatype = "inet_proto"
	InetService Datatype = "inet_service"
	IfName      Datatype = "ifname"
)

// size is the number of bytes of a value, before padding.
func (d Datatype) size() int {
	switch d {
	case EtherAddr:
		return 6
	case InetProto:
		return 1
	case InetService:
		return 2
	case IfName:
		return 16
	default:
		return 4
	}
}

// Proto is a transport protocol number.
type Proto uint8

// The protocols that rules speak of.
const (
	ICMP      Proto = 1
	TCP       Proto = 6
	UDP       Proto = 17
	IPv6InIP4 Proto = 41 // 6to4 and other tunnels
)

// String is the name nft prints.
func (p Proto) String() string {
	switch p {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case IPv6InIP4:
		return "ipv6"
	default:
		return strconv.Itoa(int(p))
	}
}

// Key is a set element's key as the kernel keeps it: each value padded to four
// bytes. Keys are comparable.
type Key string

// Element is one member of a set.
type Element struct {
	Key     Key
	Timeout time.Duration // from the moment of Compile; zero: it stays
}

// PairKey is ether_addr . ipv4_addr.
func PairKey(mac identity.MAC, addr netip.Addr) Key {
	return Key(mac[:]) + "\x00\x00" + AddrKey(addr)
}

// AddrKey is ipv4_addr.
func AddrKey(addr netip.Addr) Key { return Key(addr.Unmap().AsSlice()) }

// NameKey is ifname; Linux has no longer names than 15 bytes.
func NameKey(name string) Key {
	var k [16]byte
	copy(k[:15], name)
	return Key(k[:])
}

// ProtoPortKey is inet_proto . inet_service.
func ProtoPortKey(p Proto, port uint16) Key {
	return Key([]byte{byte(p), 0, 0, 0, byte(port >> 8), byte(port), 0, 0})
}

// RangeKey is an element of an interval set of ipv4_addr: both ends, included.
func RangeKey(from, to netip.Addr) Key { return AddrKey(from) + AddrKey(to) }

// AddrPortKey is ipv4_addr . inet_service.
func AddrPortKey(ap netip.AddrPort) Key {
	return AddrKey(ap.Addr()) + Key([]byte{byte(ap.Port() >> 8), byte(ap.Port()), 0, 0})
}

// text prints an element's key as nft does.
func (s Set) text(k Key) string {
	if s.Interval {
		return rangeText(k)
	}
	return k.text(s.Key)
}

func (k Key) text(types []Datatype) string {
	var parts []string
	b := []byte(k)
	for _, t := range types {
		n := (t.size() + 3) &^ 3
		if len(b) < n {
			return "?" // not one of ours; only a drift report can get here
		}
		v := b[:t.size()]
		switch t {
		case EtherAddr:
			parts = append(parts, identity.MAC(v).String())
		case InetProto:
			parts = append(parts, Proto(v[0]).String())
		case InetService:
			parts = append(parts, strconv.Itoa(int(binary.BigEndian.Uint16(v))))
		case IfName:
			parts = append(parts, strconv.Quote(strings.TrimRight(string(v), "\x00")))
		default:
			a, _ := netip.AddrFromSlice(v)
			parts = append(parts, a.String())
		}
		b = b[n:]
	}
	return strings.Join(parts, " . ")
}

// sortElements puts elements into the order in which nft lists them. It compares
// a single address as a number; any other key as one number stored with its
// least significant byte first, that is from the last byte backwards.
func sortElements(types []Datatype, elems []Element) {
	single := len(types) == 1 && types[0] == IPv4Addr
	slices.SortFunc(elems, func(a, b Element) int {
		if single {
			return cmp.Compare(a.Key, b.Key)
		}
		for i := len(a.Key) - 1; i >= 0; i-- {
			if c := cmp.Compare(a.Key[i], b.Key[i]); c != 0 {
				return c
			}
		}
		return 0
	})
}
