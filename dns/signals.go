package dns

import (
	"stairgate/config/identity"

	"github.com/miekg/dns"
)

// Systems ask for certain names before they use another resolver by themselves.
// The answers are the same for everybody, signed in or not, and for every type.

// Names of the signals; what lies below them too.
const (
	signalFirefox  = "use-application-dns.net"
	signalRelay    = "mask.icloud.com"
	signalRelayToo = "mask-h2.icloud.com"
)

// ruleSignal is the rule of these answers in the query log.
const ruleSignal = "canary"

// signals answers:
//
//	use-application-dns.net              NXDOMAIN: Firefox leaves DNS over HTTPS off. A
//	                                     positive answer, even 0.0.0.0, leaves it on.
//	mask.icloud.com, mask-h2.icloud.com  NXDOMAIN: Apple's Private Relay stays off, and
//	                                     the person is told so. Silence would hang it.
//	resolver.arpa                        NODATA: no encrypted resolver is designated
//	                                     (RFC 9462 section 6.4: never forwarded).
func signals(q *query, r *dns.Msg) *dns.Msg {
	switch {
	case under(q.name, signalFirefox):
		q.rule = ruleSignal
		return negative(r, dns.RcodeNameError, signalFirefox, ttlLocal)
	case under(q.name, signalRelay), under(q.name, signalRelayToo):
		q.action, q.rule, q.category = actionBlock, ruleSignal, identity.Bypass
		return negative(r, dns.RcodeNameError, "icloud.com", ttlLocal)
	case under(q.name, "resolver.arpa"):
		q.rule = ruleSignal
		return negative(r, dns.RcodeSuccess, "resolver.arpa", ttlLocal)
	}
	return nil
}
