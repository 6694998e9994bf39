package config

import (
	"net/netip"
	"slices"
	"strings"
)

const (
	maxUpstreams   = 6
	maxRebindAllow = 100
)

func checkUpstreams(c Config, say say) {
	switch n := len(c.DNS.Upstreams); {
	case n == 0:
		say("dns.upstreams", `No resolver is named, so no name could be looked up. Write those of your local authority or provider, such as ["192.0.2.53:53"].`)
	case n > maxUpstreams:
		say("dns.upstreams", "There are %d resolvers; write at most %d.", n, maxUpstreams)
	}
	own := map[netip.Addr]string{}
	for i, z := range c.Zones {
		own[z.Address.Addr()] = index("zones", i) + ".address"
	}
	own[c.WAN.Address.Addr()] = "wan.address"
	seen := map[netip.AddrPort]int{}
	for i, up := range c.DNS.Upstreams {
		path := index("dns.upstreams", i)
		addr := up.Addr()
		mine, isOwn := own[addr]
		switch {
		case !addr.IsValid():
			say(path, `The resolver has no address. Write one with its port, such as "192.0.2.53:53".`)
		case !addr.Is4():
			say(path, "%s is not an IPv4 address, and the box speaks IPv4 only on the broadband side. Write the resolver's IPv4 address.", addr)
		case up.Port() == 0:
			say(path, "There is no port 0. DNS is port 53: write %s.", quote(netip.AddrPortFrom(addr, 53).String()))
		case addr.IsLoopback() || isOwn:
			say(path, "%s is the box itself%s, which would ask itself for ever. Write the resolver of your local authority or provider.", addr, word(isOwn, " ("+mine+")", ""))
		case addr.IsUnspecified() || addr.IsMulticast() || addr.IsLinkLocalUnicast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
			say(path, "%s cannot be the address of a resolver. Write the one your local authority or provider told you.", addr)
		default:
			once(say, path, seen, up, i, "dns.upstreams")
		}
	}
}

func checkNames(c Config, say say) {
	if sentence := domainFault(c.DNS.Domain); sentence != "" {
		say("dns.domain", "%s", sentence)
	}
	if n := len(c.DNS.RebindAllow); n > maxRebindAllow {
		say("dns.rebind_allow", "There are %d names; write at most %d.", n, maxRebindAllow)
	}
	seen := map[string]int{}
	for i, name := range c.DNS.RebindAllow {
		path := index("dns.rebind_allow", i)
		switch {
		case hostName(name):
			once(say, path, seen, name, i, "dns.rebind_allow")
		case strings.HasPrefix(name, "*.") && hostName(name[2:]):
			say(path, "There are no wildcards here. Write %s.", quote(name[2:]))
		case hostName(strings.ToLower(strings.TrimSuffix(name, "."))):
			say(path, "Names are written in small letters, without a final full stop: write %s.", quote(strings.ToLower(strings.TrimSuffix(name, "."))))
		default:
			say(path, `%s is not a full host name. Write one such as "files.example.org.uk".`, quote(name))
		}
	}
}

// domainFault says why domain must not be the school's local domain. Only names
// that nobody can ever own outside are taken: a device carries the names it
// learnt here home, and there the Internet answers.
func domainFault(domain string) string {
	const write = ` Write a name that ends in .internal, such as "school.internal".`
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	const room = 253 - 64 // for a device's label in front
	switch fixed := strings.ToLower(strings.Trim(domain, ".")); {
	case domain == "":
		return "The local domain is missing." + write
	case fixed != domain && hostName(fixed):
		return "The domain is written in small letters, without a full stop at either end: write " + quote(fixed) + "."
	case last == "local":
		return "Names in .local belong to mDNS (Bonjour): Apple and Linux devices would never ask this box for them." + write
	case !strings.Contains(domain, ".") && label(domain):
		return "The local domain needs two parts or more: write " + quote(word(domain == "internal", "school", domain)+".internal") + "."
	case !hostName(domain) || len(domain) > room:
		return quote(domain) + " is not a domain." + write
	case last == "internal" || domain == "home.arpa" || strings.HasSuffix(domain, ".home.arpa"):
		return ""
	case slices.Contains([]string{"lan", "home", "corp", "mail", "intranet", "private", "localdomain"}, last):
		return "Nobody has promised that ." + last + " will never be sold on the Internet, as .dev and .zip were; .internal is reserved for networks like this one." + write
	case slices.Contains([]string{"localhost", "invalid", "onion", "arpa", "alt", "test", "example"}, last):
		return "The ending ." + last + " has a special meaning, and devices treat it differently." + write
	default:
		return quote(domain) + " can be somebody's name on the Internet: here it would hide their web site, and elsewhere the school's devices would ask a stranger." + write
	}
}
