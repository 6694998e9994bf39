package resolvers

import (
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

//go:embed resolvers.txt
var file string

// Service is a public resolver with its addresses.
type Service struct {
	Name     string
	Source   string // page on which the operator names the addresses
	Prefixes []netip.Prefix
}

// Range is a run of addresses, both ends included.
type Range struct{ From, To netip.Addr }

// Services lists all, in the order of the table. It must not be changed.
func Services() []Service { return table().services }

// Ranges4 are the IPv4 addresses of all services in order, with neighbours joined. It
// must not be changed.
func Ranges4() []Range { return table().v4 }

// Has reports whether an address belongs to a public resolver.
func Has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	in := table().v6
	if a.Is4() {
		in = table().v4
	}
	i, exact := slices.BinarySearchFunc(in, a, func(r Range, a netip.Addr) int { return r.From.Compare(a) })
	return exact || i > 0 && a.Compare(in[i-1].To) <= 0
}

type compiled struct {
	services []Service
	v4, v6   []Range
}

var table = sync.OnceValue(func() compiled {
	c, err := read(file)
	if err != nil {
		// The file is part of the program and a test reads it.
		panic(err)
	}
	return c
})

// read parses the table: "[Service] source" begins a section, an address or a prefix
// a line follows, "#" begins a comment.
func read(text string) (compiled, error) {
	var c compiled
	seen := make(map[netip.Prefix]bool)
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if head, ok := strings.CutPrefix(line, "["); ok {
			name, source, ok := strings.Cut(head, "] ")
			if !ok || name == "" || !strings.HasPrefix(source, "https://") {
				return c, fmt.Errorf("line %d: %q: write [Service] https://its-page", i+1, line)
			}
			c.services = append(c.services, Service{Name: name, Source: source})
			continue
		}
		p, err := prefix(line)
		switch {
		case err != nil:
			return c, fmt.Errorf("line %d: %w", i+1, err)
		case len(c.services) == 0:
			return c, fmt.Errorf("line %d: %s belongs to no service", i+1, line)
		case seen[p]:
			return c, fmt.Errorf("line %d: %s stands there twice", i+1, line)
		}
		seen[p] = true
		s := &c.services[len(c.services)-1]
		s.Prefixes = append(s.Prefixes, p)
	}
	for _, s := range c.services {
		for _, p := range s.Prefixes {
			r := Range{p.Addr(), last(p)}
			if p.Addr().Is4() {
				c.v4 = append(c.v4, r)
			} else {
				c.v6 = append(c.v6, r)
			}
		}
	}
	c.v4, c.v6 = join(c.v4), join(c.v6)
	return c, nil
}

func prefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%q is no address", s)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q is no prefix", s)
	}
	return p, nil
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// join sorts ranges and makes one of those that touch.
func join(in []Range) []Range {
	slices.SortFunc(in, func(a, b Range) int { return a.From.Compare(b.From) })
	var out []Range
	for _, r := range in {
		if n := len(out); n > 0 && r.From.Compare(out[n-1].To.Next()) <= 0 {
			if r.To.Compare(out[n-1].To) > 0 {
				out[n-1].To = r.To
			}
			continue
		}
		out = append(out, r)
	}
	return out
}
