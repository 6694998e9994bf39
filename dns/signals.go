package dns

import (
	"stairgate/dns/policy"

	"github.com/miekg/dns"
)

// Systems ask for certain names before they use another resolver by themselves.
// The answers are the same for everybody, signed in or not, and for every type.

// signals answers:
//
//	use-application-dns.net              NXDOMAIN: Firefox leaves DNS over HTTPS off. A
//	                                     positive answer, even 0.0.0.0, leaves it on.
//	mask.icloud.com, mask-h2.icloud.com  NXDOMAIN: Apple's Private Relay stays off, and
//	                                     the person is told so. Silence would hang it.
//	resolver.arpa                        NODATA: no encrypted resolver is designated
//	                                     (RFC 9462 section 6.4: never forwarded).
func signals(q *query, r *dns.Msg) *dns.Msg {
	s, ok := policy.SignalOf(q.name)
	if !ok {
		return nil
	}
	q.action, q.rule, q.category = action(s.Action), policy.RuleSignal, s.Category
	if s.Action == policy.Local {
		return negative(r, dns.RcodeSuccess, s.Zone, ttlLocal)
	}
	zone := s.Zone
	if rest, _ := cut(zone); rest == "icloud.com" {
		zone = rest // the zone that is really there
	}
	return negative(r, dns.RcodeNameError, zone, ttlLocal)
}
