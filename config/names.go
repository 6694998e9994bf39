package config

import (
	"net/netip"
	"strings"
	"unicode"
)

// oneLine reports whether s is text for one line of a page.
func oneLine(s string, most int) bool {
	return strings.TrimSpace(s) != "" && len([]rune(s)) <= most && !strings.ContainsFunc(s, unicode.IsControl)
}

// lower reports whether s has only a-z, 0-9 and -, and - neither first nor last.
func lower(s string, most int) bool {
	return s != "" && len(s) <= most && s[0] != '-' && s[len(s)-1] != '-' &&
		!strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
}

// label reports whether s can be one label of a host name (RFC 1123, in lower
// case as everywhere in this project).
func label(s string) bool { return lower(s, 63) }

// hostName reports whether s is a full name: two or more labels, no final dot,
// and not an address (no name ends in a label of digits only).
func hostName(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !label(l) {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) >= 2 && len(s) <= 253 && strings.Trim(last, "0123456789") != ""
}

// portName reports whether s can be the name of a Linux network interface. The
// kernel takes more letters; these need no quoting anywhere.
func portName(s string) bool {
	const most = 15 // IFNAMSIZ without its final zero
	return s != "" && len(s) <= most && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// usable is the first and last address of p that a device may have.
func usable(p netip.Prefix) (first, last netip.Addr) {
	p = p.Masked()
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return p.Addr().Next(), netip.AddrFrom4(b).Prev()
}

// host reports whether a may be a device's own address in p: inside, and
// neither the address of the network nor the one for everybody.
func host(p netip.Prefix, a netip.Addr) bool {
	first, last := usable(p)
	return p.Contains(a) && !a.Less(first) && !last.Less(a)
}

// ipv4Subnet reports whether p can be looked at as a subnet at all.
func ipv4Subnet(p netip.Prefix) bool { return p.IsValid() && p.Addr().Is4() }
