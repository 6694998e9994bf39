package firewall

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
)

// tolerance is how far an element's time left may be from what it should be:
// between Compile and the kernel, and between the kernel and the reading, a moment
// passes, on a busy small box seconds.
const tolerance = 5 * time.Second

// frameDifferences compares everything but elements: tables, chains, policies,
// rules and the shape of sets.
func frameDifferences(rs Ruleset, o observed) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	for _, t := range o.foreign {
		say("There is a table %s %q that this box did not make.", family(t.Family), t.Name)
	}
	if o.table == nil {
		say("The table inet %s is missing: nothing is filtered.", TableName)
		return out
	}
	if o.table.Flags != 0 {
		say("The table inet %s is switched off or owned by another program (flags %d).", TableName, o.table.Flags)
	}
	want := make(map[string]Chain, len(rs.Chains))
	for _, c := range rs.Chains {
		want[c.Name] = c
	}
	for _, got := range o.chains {
		w, ok := want[got.Name]
		if !ok {
			say("There is a chain %s that this box did not make.", got.Name)
			continue
		}
		delete(want, got.Name)
		out = append(out, chainDifferences(w, got)...)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		say("The chain %s is missing.", name)
	}
	out = append(out, setDifferences(rs, o)...)
	if len(out) == 0 && !slices.EqualFunc(rs.Chains, o.chains, func(w Chain, g observedChain) bool { return w.Name == g.Name }) {
		say("The chains stand in another order.")
	}
	return out
}

func chainDifferences(want Chain, got observedChain) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	k := want.kernel()
	switch {
	case !equal(k.Hooknum, got.Hooknum) || !equal(k.Priority, got.Priority) || k.Type != got.Type:
		say("The chain %s hangs at another place in the kernel.", want.Name)
	case want.Hook != "" && (got.Policy == nil || *got.Policy != *k.Policy):
		say("The policy of chain %s is not %s.", want.Name, want.Policy())
	}

	// Walk both lists: what is ours and missing, what is there and not ours.
	i := 0
	var strangers []string
	for pos, g := range got.rules {
		j := i
		for j < len(want.Rules) && !same(want.Rules[j], g) {
			j++
		}
		if j == len(want.Rules) {
			strangers = append(strangers, describe(pos, g))
			continue
		}
		for ; i < j; i++ {
			say("The chain %s lacks the rule: %s", want.Name, want.Rules[i])
		}
		i++
	}
	for ; i < len(want.Rules); i++ {
		say("The chain %s lacks the rule: %s", want.Name, want.Rules[i])
	}
	for _, s := range strangers {
		say("The chain %s holds a rule that is not ours%s.", want.Name, s)
	}
	return out
}

// describe says where a foreign rule stands and what its author wrote on it.
func describe(pos int, r *nftables.Rule) string {
	s := fmt.Sprintf(", at position %d", pos+1)
	if c, ok := userdata.GetString(r.UserData, userdata.TypeComment); ok {
		s += fmt.Sprintf(", with the comment %q", c)
	}
	return s
}

func setDifferences(rs Ruleset, o observed) []string {
	var out []string
	for _, got := range o.sets {
		w, ok := rs.Find(got.Name)
		if !ok {
			out = append(out, fmt.Sprintf("There is a set %s that this box did not make.", got.Name))
			continue
		}
		k := w.kernel()
		if k.KeyType.GetNFTMagic() != got.KeyType.GetNFTMagic() || k.HasTimeout != got.HasTimeout || got.Timeout != 0 ||
			got.IsMap || got.Interval != w.Interval || got.Constant || got.Anonymous || got.Dynamic || got.Size != 0 {
			out = append(out, fmt.Sprintf("The set %s is of another kind.", got.Name))
		}
	}
	for _, w := range rs.Sets {
		if _, ok := o.set(w.Name); !ok {
			out = append(out, fmt.Sprintf("The set %s is missing.", w.Name))
		}
	}
	return out
}

// change is what brings one set's elements to what they should be.
type change struct {
	set      Set
	add, del []Element
	why      []string
}

// elementChanges compares the elements of all sets with a ruleset of that age.
// Elements whose key is in ignore are not looked at.
func elementChanges(rs Ruleset, o observed, age time.Duration, ignore map[Key]bool) []change {
	var out []change
	for _, w := range rs.Sets {
		got, _ := o.set(w.Name)
		if c := compareElements(w, got.elements, age, ignore); len(c.why) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// compareElements never updates an element in place: whether the kernel takes a
// new timeout for an element it has depends on its version. Out and in again in
// one transaction works on all of them, and no packet sees the gap.
func compareElements(want Set, got map[Key]time.Duration, age time.Duration, ignore map[Key]bool) change {
	c := change{set: want}
	say := func(k Key, format string, args ...any) {
		c.why = append(c.why, fmt.Sprintf("The set %s %s.", want.Name, fmt.Sprintf(format, append([]any{want.text(k)}, args...)...)))
	}
	wanted := make(map[Key]bool, len(want.Elements))
	for _, e := range want.Elements {
		wanted[e.Key] = true
		left, ok := got[e.Key]
		ends := e.Timeout > 0
		if ends {
			e.Timeout = max(e.Timeout-age, time.Millisecond)
		}
		switch {
		case ignore[e.Key]:
		case !ok && ends && e.Timeout <= tolerance:
			// Gone by itself a moment before its time.
		case !ok:
			say(e.Key, "lacks %s")
			c.add = append(c.add, e)
		case ends != (left > 0) || (e.Timeout-left).Abs() > tolerance:
			say(e.Key, "keeps %s %s and should keep it %s", span(left), span(e.Timeout))
			c.del = append(c.del, e)
			c.add = append(c.add, e)
		}
	}
	for k := range got {
		if !wanted[k] && !ignore[k] {
			c.del = append(c.del, Element{Key: k})
		}
	}
	sortElements(want.Key, c.del)
	for _, e := range c.del {
		if !wanted[e.Key] {
			say(e.Key, "holds %s, which should not be there")
		}
	}
	return c
}

func span(d time.Duration) string {
	if d == 0 {
		return "for ever"
	}
	return "for " + d.Round(time.Second).String()
}

// shorten keeps a long list of sentences readable.
func shorten(list []string) []string {
	const most = 20
	if len(list) <= most {
		return list
	}
	return append(slices.Clip(list[:most]), fmt.Sprintf("And %d more differences.", len(list)-most))
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func family(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyINet:
		return "inet"
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	case nftables.TableFamilyARP:
		return "arp"
	case nftables.TableFamilyBridge:
		return "bridge"
	case nftables.TableFamilyNetdev:
		return "netdev"
	default:
		return fmt.Sprintf("family %d", f)
	}
}

// joined is a list of sentences as one error text.
func joined(list []string) string { return strings.Join(shorten(list), " ") }
