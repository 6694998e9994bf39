package category

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

// dnsmasq reads "server=/example.com/", which blocks, and tells it from
// "server=/example.com/192.0.2.1", which asks another resolver.
func (p *parser) dnsmasq(line []byte) error {
	key, value, _ := strings.Cut(string(line), "=")
	parts := strings.Split(value, "/")
	if len(parts) < 3 || parts[0] != "" {
		p.report.skip(skipCharacters, line)
		return nil
	}
	names, target := parts[1:len(parts)-1], strings.TrimSpace(parts[len(parts)-1])
	var l Listing
	switch strings.TrimSpace(key) {
	case "server", "local":
		switch target {
		case "":
		case "#":
			l.Exception = true // resolved as usual
		default:
			p.report.skip(skipElsewhere, line)
			return nil
		}
	case "address":
		if target != "" && target != "#" && !nowhere(target) {
			p.report.skip(skipElsewhere, line)
			return nil
		}
	default:
		p.report.skip(skipCharacters, line)
		return nil
	}
	for _, name := range names {
		if err := p.entry([]byte(name), l); err != nil {
			return err
		}
	}
	return nil
}

// nowhere tells the addresses a name is sent to in order to block it.
func nowhere(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && (a.IsUnspecified() || a.IsLoopback())
}

// unbound reads `local-zone: "example.com." always_nxdomain` and
// `local-data: "example.com. A 0.0.0.0"`.
func (p *parser) unbound(line []byte) error {
	text := strings.NewReplacer(`"`, " ", `'`, " ").Replace(string(line))
	words := strings.Fields(text)
	switch {
	case len(words) == 3 && words[0] == "local-zone:":
		switch words[2] {
		case "always_nxdomain", "always_refuse", "always_deny", "always_null", "always_nodata",
			"static", "refuse", "deny", "redirect", "inform_deny", "inform_redirect":
			return p.entry([]byte(words[1]), Listing{})
		}
		p.report.skip(skipElsewhere, line)
	case len(words) > 3 && words[0] == "local-data:":
		i := slices.IndexFunc(words, func(w string) bool { return w == "A" || w == "AAAA" })
		if i > 0 && i+1 < len(words) && nowhere(words[i+1]) {
			return p.entry([]byte(words[1]), Listing{Exact: true})
		}
		p.report.skip(skipElsewhere, line)
	case bytes.Equal(line, []byte("server:")):
	default:
		p.report.skip(skipWords, line)
	}
	return nil
}

func contains(words []string, w string) bool { return slices.Contains(words, w) }
