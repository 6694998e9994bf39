// Package captive is what people see of the gateway: the portal where they read
// and sign the policy, the page that says why a site is blocked, the status and
// sign-out pages, and the answers to every phone's "am I online?".
//
// Requests are told apart by their shape, never by a list of probe names: is the
// Host one of ours, and is the client admitted?
//
//	client        Host      answer
//	quarantined   foreign   302 to the portal, whatever method and path
//	quarantined   ours      the portal
//	admitted      ours      status, sign-out, "why is it blocked?"
//	admitted      foreign   the name is blocked (DNS gave our address): 403 and why
//
// The package holds no record and believes no cookie: whoever asks is known by
// the source address, and everything they type goes over config/edge to the
// writer. A Server may be used from any number of goroutines.
package captive
