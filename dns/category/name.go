package category

import (
	"bytes"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// international turns other alphabets into punycode as browsers do (UTS 46). What is
// in punycode already stays as it is, well-formed or not: so it stands in DNS.
var international = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
	idna.BidiRule(),
)

// entry takes one name as lists write it: in capitals, with a dot or "*." before it, a
// dot or a port behind it, in any alphabet.
func (p *parser) entry(word []byte, l Listing) error {
	name, reason := p.normal(word)
	if reason == "" {
		name, reason = p.guarded(name, &l)
	}
	if reason != "" {
		p.report.skip(reason, word)
		return nil
	}
	l.Name, l.Directory = name, p.directory
	p.report.Names++
	if l.Exception {
		p.report.Exceptions++
	}
	return p.emit(l)
}

// normal is the name as it stands in DNS, in lower case and without a final dot, or
// the reason why it is none.
func (p *parser) normal(word []byte) (name, reason string) {
	if p.address(word) {
		return "", skipAddress
	}
	switch {
	case bytes.IndexByte(word, '/') >= 0:
		return "", skipPage
	case bytes.HasPrefix(word, []byte("*.")):
		word = word[2:]
	case bytes.HasPrefix(word, []byte(".")):
		word = word[1:]
	}
	if host, port, ok := bytes.Cut(word, []byte(":")); ok && len(port) > 0 && len(port) <= 5 && digits(string(port)) {
		word = host
	}
	word = bytes.TrimSuffix(word, []byte("."))
	b := append(p.scratch[:0], word...)
	p.scratch = b
	other := false
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
		other = other || c >= 0x80
	}
	if other {
		s, err := international.ToASCII(string(b))
		if err != nil || s == "" || !utf8.Valid(b) {
			return "", skipIDNA
		}
		b = []byte(strings.TrimSuffix(s, "."))
	}
	// "1.2.3.4." and full-width digits are addresses too.
	if last := b[bytes.LastIndexByte(b, '.')+1:]; len(last) > 0 && digits(string(last)) {
		if p.address(b) {
			return "", skipAddress
		}
		return "", skipCharacters
	}
	if bytes.ContainsAny(b, `*()[]{}|\^+?`) {
		return "", skipPattern
	}
	if !valid(b) {
		return "", skipCharacters
	}
	return string(b), ""
}

// valid reports whether b is a name of letters, digits, hyphens and underscores.
func valid(b []byte) bool {
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	label := 0
	for _, c := range b {
		switch {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0
}

// address tells an address, a network, or an address with a port, and passes it on.
func (p *parser) address(word []byte) bool {
	if len(word) == 0 || !(word[0] >= '0' && word[0] <= '9' || word[0] == '[' || bytes.Count(word, []byte(":")) > 1) {
		return false
	}
	prefix, ok := parseAddress(string(word))
	if !ok {
		return false
	}
	p.report.Addresses++
	if p.list.Address != nil {
		p.list.Address(prefix)
	}
	return true
}

func parseAddress(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.WithZone(""), a.BitLen()), true
	}
	if n, err := netip.ParsePrefix(s); err == nil {
		return n, true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.PrefixFrom(ap.Addr().WithZone(""), ap.Addr().BitLen()), true
	}
	return netip.Prefix{}, false
}

// guarded keeps a list from taking what is not one site. An exception may be as wide
// as it likes: it only narrows its own list.
func (p *parser) guarded(name string, l *Listing) (_, reason string) {
	if p.suffixes[name] || l.Exception {
		return name, ""
	}
	dots := strings.Count(name, ".")
	if dots == 0 {
		return "", skipSingle
	}
	// No public suffix has more labels.
	if dots > 6 {
		return name, ""
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	switch {
	case suffix != name:
	case icann:
		return "", skipSuffix
	case !underWildcard(name):
		l.Exact = true
		p.report.warn(warnPlatform, name)
	}
	return name, ""
}

// underWildcard reports whether name is a suffix only because every name at its place
// is ("*.compute-1.amazonaws.com"): then it is one customer's, not a platform.
func underWildcard(name string) bool {
	up, _ := parent(name)
	sibling := "stairgate-sibling." + up
	suffix, _ := publicsuffix.PublicSuffix(sibling)
	return suffix == sibling
}
