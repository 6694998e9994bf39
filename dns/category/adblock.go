package category

import (
	"bytes"
	"strings"
)

// adblock reads a rule such as "||example.com^$important". A rule with a modifier
// that means nothing here is left out: it was written for some pages only.
func (p *parser) adblock(line []byte) error {
	var l Listing
	rule, exception := bytes.CutPrefix(line, []byte("@@"))
	l.Exception = exception
	rule, modifiers, _ := bytes.Cut(rule, []byte("$"))
	switch {
	case bytes.HasPrefix(rule, []byte("||")):
		rule = bytes.TrimSuffix(bytes.TrimSuffix(rule[2:], []byte("|")), []byte("^"))
	case bytes.HasPrefix(rule, []byte("|")):
		rule = bytes.TrimSuffix(bytes.TrimSuffix(rule[1:], []byte("|")), []byte("^"))
		l.Exact = true
	}
	if len(rule) == 0 || bytes.ContainsAny(rule, "^|*") && !bytes.HasPrefix(rule, []byte("*.")) {
		p.report.skip(skipPattern, line)
		return nil
	}
	var allowed []string
	if len(modifiers) > 0 {
		var reason string
		if allowed, reason = modify(&l, string(modifiers)); reason != "" {
			p.report.skip(reason, line)
			return nil
		}
	}
	if err := p.entry(rule, l); err != nil {
		return err
	}
	for _, name := range allowed {
		// Said of one rule: where it is taken back, this is too.
		if err := p.entry([]byte(name), Listing{Exception: true, Cancelled: l.Cancelled}); err != nil {
			return err
		}
	}
	return nil
}

// modify reads what stands behind "$": what it makes of the listing, and the names
// that the rule leaves open.
func modify(l *Listing, modifiers string) (allowed []string, reason string) {
	for m := range strings.SplitSeq(modifiers, ",") {
		key, value, _ := strings.Cut(m, "=")
		switch key {
		case "important":
			l.Important = true
		case "badfilter":
			l.Cancelled = true
		case "denyallow":
			if value == "" || l.Exception {
				return nil, skipModifier
			}
			allowed = strings.Split(value, "|")
		case "dnstype":
			if !addresses(value) {
				return nil, skipSomeTypes
			}
		case "dnsrewrite":
			switch code, _, _ := strings.Cut(strings.ToUpper(value), ";"); {
			case code == "NXDOMAIN", code == "REFUSED", code == "0.0.0.0", code == "::":
			default:
				return nil, skipElsewhere
			}
		default:
			return nil, skipModifier
		}
	}
	return allowed, ""
}

// addresses reports whether the types of a rule hold both kinds of address, so that it
// blocks the name as good as altogether: "A|AAAA", or "~CNAME".
func addresses(types string) bool {
	var yes, no []string
	for t := range strings.SplitSeq(strings.ToUpper(types), "|") {
		if rest, not := strings.CutPrefix(t, "~"); not {
			no = append(no, rest)
		} else {
			yes = append(yes, t)
		}
	}
	for _, want := range []string{"A", "AAAA"} {
		if contains(no, want) || len(yes) > 0 && !contains(yes, want) {
			return false
		}
	}
	return true
}
