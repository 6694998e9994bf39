package captive

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"stairgate/config/identity"
)

// Hosts lists the names of the pages of this package. The local DNS must answer
// each with the box's address in the zone of whoever asks.
func Hosts(portal, domain string) []string {
	return []string{portal, statusLabel + "." + domain, signOutLabel + "." + domain, blockedLabel + "." + domain}
}

const (
	statusLabel  = "status"
	signOutLabel = "signout"
	blockedLabel = "blocked"
)

// host is a parsed Host header: a name or an address, and perhaps a port.
type host struct {
	name string     // lower case, no final dot; empty when addr is valid or nothing makes sense
	addr netip.Addr // an IP literal
	port uint16     // 0: none was written
}

// parseHost reads a Host header. What makes no sense is the zero host: a host
// that is not ours.
func parseHost(s string) host {
	var h host
	if len(s) > 300 {
		return host{}
	}
	rest, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		literal, after, ok := strings.Cut(rest, "]")
		a, err := netip.ParseAddr(literal)
		if !ok || err != nil || !a.Is6() || !h.parsePort(after) {
			return host{}
		}
		h.addr = a.WithZone("").Unmap()
		return h
	}
	name, port := s, ""
	if i := strings.IndexByte(s, ':'); i >= 0 {
		name, port = s[:i], s[i:]
	}
	if !h.parsePort(port) {
		return host{}
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if a, err := netip.ParseAddr(name); err == nil {
		h.addr = a
		return h
	}
	if !isName(name) {
		return host{}
	}
	h.name = name
	return h
}

// parsePort reads "", ":" or ":80".
func (h *host) parsePort(s string) bool {
	digits, ok := strings.CutPrefix(s, ":")
	if digits == "" {
		return true
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	h.port = uint16(n)
	return ok && err == nil
}

func isName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// String is the canonical form, without the port of plain HTTP.
func (h host) String() string {
	s := h.name
	if h.addr.IsValid() {
		s = h.addr.String()
		if h.addr.Is6() {
			s = "[" + s + "]"
		}
	}
	if s != "" && h.port != 0 && h.port != 80 {
		s += ":" + strconv.Itoa(int(h.port))
	}
	return s
}

// ours reports whether h names this box: one of Hosts (or its first label, for
// whoever types "signout" in the address bar), the name of the certificate, the
// box's address in any zone, or the near end of a tunnel to it.
func (h host) ours(d *identity.Data) bool {
	if h.addr.IsValid() {
		return h.addr.IsLoopback() || slices.ContainsFunc(d.Zones, func(z identity.Zone) bool { return z.Addr == h.addr })
	}
	if h.name == "" {
		return false
	}
	if h.name == "localhost" || h.name == capportHost(d) {
		return true
	}
	return slices.ContainsFunc(Hosts(d.Portal, d.Domain), func(n string) bool {
		label, _, _ := strings.Cut(n, ".")
		return h.name == n || h.name == label
	})
}

// page is the label that chooses a page of ours: "status", "signout", "blocked"
// or anything else.
func (h host) page(d *identity.Data) string {
	label, domain, _ := strings.Cut(h.name, ".")
	if domain == "" || domain == d.Domain {
		return label
	}
	return ""
}
