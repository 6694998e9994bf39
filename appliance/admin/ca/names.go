package ca

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Names is what the server's certificate must say. It changes with the
// configuration.
type Names struct {
	Domain string       // the local domain: "school.internal"
	Host   string       // the box's label or full name: "gate" or "gate.school.internal"
	Addrs  []netip.Addr // the box's addresses
}

// dnsNames are the full names of the box.
func (n Names) dnsNames() []string {
	host := strings.TrimSuffix(strings.ToLower(n.Host), ".")
	domain := strings.TrimSuffix(strings.ToLower(n.Domain), ".")
	switch {
	case host == "":
		return []string{domain}
	case domain == "" || host == domain || strings.HasSuffix(host, "."+domain):
		return []string{host}
	}
	return []string{host + "." + domain}
}

// FullName is the box's name with its domain.
func (n Names) FullName() string { return n.dnsNames()[0] }

// permittedDomains are the names the authority may vouch for: the local domain
// and what is below it.
func permittedDomains(n Names) []string {
	if d := strings.TrimSuffix(strings.ToLower(n.Domain), "."); d != "" {
		return []string{d}
	}
	return n.dnsNames()
}

// permittedRanges are the addresses the authority may vouch for: private ones,
// this machine's own, and any other the box has.
func permittedRanges(n Names) []*net.IPNet {
	var out []*net.IPNet
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"} {
		p := netip.MustParsePrefix(s)
		out = append(out, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
	}
	for _, addr := range n.Addrs {
		addr = addr.Unmap()
		if !slices.ContainsFunc(out, func(r *net.IPNet) bool { return r.Contains(addr.AsSlice()) }) {
			out = append(out, &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(addr.BitLen(), addr.BitLen())})
		}
	}
	return out
}
