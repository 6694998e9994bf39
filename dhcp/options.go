package dhcp

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// always are the options a client gets without asking: without them the address
// is of no use to it.
var always = []byte{1, 3, 6, 15}

// configure adds what the client asked for (option 55) in the order it asked,
// then what it needs anyway. lease is zero in the answer to an INFORM.
func (z *zone) configure(m *Message, r Request, lease time.Duration, name string) {
	if lease > 0 {
		m.add(51, seconds(lease))
		m.add(58, seconds(lease/2))
		m.add(59, seconds(lease/8*7))
	}
	var done [256]bool
	for _, o := range m.Options {
		done[o.Code] = true
	}
	for _, list := range [2][]byte{r.option(55), always} {
		for _, code := range list {
			if done[code] {
				continue
			}
			done[code] = true
			if v := z.option(code, r, name); v != nil {
				m.add(code, v)
			}
		}
	}
	// RFC 4702 section 4: answered when and only when the client sent it,
	// whether or not its list names it.
	if v := z.fqdn(r, name); v != nil && !done[81] {
		m.add(81, v)
	}
}

// option is the value of one option, nil where the zone has none.
func (z *zone) option(code byte, r Request, name string) []byte {
	switch code {
	case 1:
		return mask(z.Addr.Bits())
	case 3, 6:
		return z.Addr.Addr().AsSlice()
	case 12:
		if len(r.option(81)) > 0 || name == "" {
			return nil // option 81 carries the name
		}
		return []byte(name)
	case 15:
		if z.Domain == "" {
			return nil
		}
		return []byte(z.Domain)
	case 28:
		return z.last.AsSlice()
	case 42:
		var b []byte
		for _, a := range z.NTP {
			b = append(b, a.AsSlice()...)
		}
		return b
	case 81:
		return z.fqdn(r, name)
	case 114:
		if z.CaptiveURL == "" {
			return nil
		}
		return []byte(z.CaptiveURL)
	case 119:
		return wireName(z.Domain)
	}
	return nil
}

// Flags of option 81 (RFC 4702 section 2.1).
const (
	fqdnServer   = 1 << 0 // the server does the update
	fqdnOverride = 1 << 1 // although the client wished otherwise
	fqdnEncoded  = 1 << 2 // the name is in DNS wire form
)

// fqdn answers the client's full name: the box keeps the names of its network
// itself, whatever the client wished.
func (z *zone) fqdn(r Request, name string) []byte {
	q := r.option(81)
	if len(q) < 3 || name == "" {
		return nil
	}
	flags := byte(fqdnServer) | q[0]&fqdnEncoded
	if q[0]&fqdnServer == 0 {
		flags |= fqdnOverride
	}
	full := name
	if z.Domain != "" {
		full += "." + z.Domain
	}
	b := []byte{flags, 255, 255}
	if flags&fqdnEncoded != 0 {
		return append(b, wireName(full)...)
	}
	return append(b, full...)
}

func seconds(d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))
}

func mask(bits int) []byte {
	return binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-bits))
}

// lastOf is the broadcast address of p.
func lastOf(p netip.Prefix) netip.Addr {
	return fromInt(toInt(p.Addr()) | ^(^uint32(0) << (32 - p.Bits())))
}

func toInt(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func fromInt(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// wireName is name in DNS wire form (RFC 1035 section 3.1), nil for none.
func wireName(name string) []byte {
	name = strings.Trim(name, ".")
	if name == "" {
		return nil
	}
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 {
			return nil
		}
		b = append(b, byte(len(label)))
		b = append(b, label...)
	}
	return append(b, 0)
}
