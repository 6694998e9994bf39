package config

import (
	"fmt"
	"slices"
)

// Diff says in sentences what changes for people and devices when new takes the
// place of old, in the order of the file. It is empty when nothing does: the
// order of groups, a remark, or a locked category listed or not.
func Diff(old, new Config) []string {
	d := differ{}
	d.school(old.School, new.School)
	d.wan(old.WAN, new.WAN)
	d.zones(old, new)
	d.dns(old.DNS, new.DNS)
	d.time(old.Time, new.Time)
	d.groups(old, new)
	d.filter(old, new)
	d.portal(old.Portal, new.Portal)
	d.reservations(old.Reservations, new.Reservations)
	return d
}

// differ collects sentences.
type differ []string

// say adds a sentence.
func (d *differ) say(format string, args ...any) { *d = append(*d, fmt.Sprintf(format, args...)) }

// was adds "<sentence> (was <old>)." when the value changed.
func was[T comparable](d *differ, old, new T, format string, args ...any) {
	if old != new {
		d.say(format+" (was %v).", append(args, new, old)...)
	}
}

// lists adds a sentence when a list changed, where order counts.
func lists[T comparable](d *differ, old, new []T, format string) {
	if !slices.Equal(old, new) {
		d.say(format+" (was %s).", join(new), join(old))
	}
}

func (d *differ) school(old, new School) {
	was(d, old.Name, new.Name, "The school is now called %s")
	was(d, old.Contact, new.Contact, "Pages now tell people to ask %s")
}

func (d *differ) wan(old, new WAN) {
	was(d, old.Port, new.Port, "The broadband line is now on port %s")
	switch {
	case old.Mode != new.Mode && new.Mode == WANDHCP:
		d.say("The broadband line now gets its address from the provider (was the fixed address %s by way of %s).", old.Address, old.Gateway)
	case old.Mode != new.Mode:
		d.say("The broadband line now has the fixed address %s by way of %s (was given by the provider).", new.Address, new.Gateway)
	default:
		was(d, old.Address, new.Address, "The broadband line now has the fixed address %s")
		was(d, old.Gateway, new.Gateway, "The broadband line's gateway is now %s")
	}
}

func (d *differ) dns(old, new DNS) {
	lists(d, old.Upstreams, new.Upstreams, "Names are now looked up at %s")
	if old.Domain != new.Domain {
		d.say("Local names now end in %s (was %s); a device learns it when it renews its lease.", new.Domain, old.Domain)
	}
	for _, name := range added(old.RebindAllow, new.RebindAllow) {
		d.say("The name %s may now lead to an address inside the school.", name)
	}
	for _, name := range added(new.RebindAllow, old.RebindAllow) {
		d.say("The name %s may no longer lead to an address inside the school.", name)
	}
}

func (d *differ) time(old, new Time) {
	was(d, old.Zone, new.Zone, "The school's clock now follows %s")
	lists(d, old.Servers, new.Servers, "The box now asks the time of %s")
}

func (d *differ) portal(old, new Portal) {
	was(d, old.Host, new.Host, "The sign-in page's name in the local domain is now %s")
	if old.Approval != new.Approval {
		switch new.Approval {
		case ApprovalTechnician:
			d.say("A new device must now be approved by the technician before it is online (a signature alone was enough).")
		default:
			d.say("A signature alone now lets a new device online; the technician checks it afterwards (was: approved first).")
		}
	}
	was(d, old.SessionMax, new.SessionMax, "A session now lasts at most %s")
	was(d, old.SessionsEnd, new.SessionsEnd, "Sessions now end at %s each day")
	d.aup(old.AUP, new.AUP)
	d.tls(old.TLS, new.TLS)
}

// aup tells whether people will be asked to sign again, which is what matters.
func (d *differ) aup(old, new AUP) {
	var text differ
	was(&text, old.Title, new.Title, "The policy's title is now “%s”")
	for i := range max(len(old.Clauses), len(new.Clauses)) {
		switch {
		case i >= len(old.Clauses):
			text.say("The policy has a new clause %d: “%s”", i+1, new.Clauses[i])
		case i >= len(new.Clauses):
			text.say("Clause %d of the policy is gone (was “%s”).", i+1, old.Clauses[i])
		case old.Clauses[i] != new.Clauses[i]:
			text.say("Clause %d of the policy is now “%s” (was “%s”).", i+1, new.Clauses[i], old.Clauses[i])
		}
	}
	switch {
	case old.Version != new.Version:
		d.say("The policy is now version %s (was %s): everybody is asked to sign it, also who signed before.", new.Version, old.Version)
	case len(text) > 0:
		d.say("Careful: the policy's text changes but its version stays %s, so nobody is asked to sign the new text. Give it a new version unless only a slip of the pen was mended.", new.Version)
	}
	*d = append(*d, text...)
}

func (d *differ) tls(old, new *TLS) {
	switch {
	case old == nil && new == nil:
	case old == nil:
		d.say("The sign-in page now has the certificate of %s, and devices are told of the page when they join.", new.Host)
	case new == nil:
		d.say("The sign-in page no longer has a certificate (was for %s).", old.Host)
	default:
		was(d, old.Host, new.Host, "The sign-in page's certificate is now for %s")
		was(d, old.Cert, new.Cert, "The sign-in page's certificate is now read from %s")
		was(d, old.Key, new.Key, "The key of the sign-in page's certificate is now read from %s")
	}
}

// added lists what new has and old has not.
func added[T comparable](old, new []T) []T {
	var out []T
	for _, v := range new {
		if !slices.Contains(old, v) {
			out = append(out, v)
		}
	}
	return out
}
