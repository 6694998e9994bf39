package config

import (
	"fmt"
	"slices"
	"strings"
)

// Validate says everything that is wrong with c, in the order of the file. Nil
// means that the box can run on it.
func Validate(c Config) Problems { return validate(c, nil) }

// rule checks one part of a configuration.
type rule struct {
	check func(Config, say)
	needs []string // other parts the rule reads
}

// rules stand in the order of the file; rules about two parts stand with the
// part that has to change.
var rules = []rule{
	{checkVersion, nil},
	{checkSchool, nil},
	{checkWAN, nil},
	{checkZones, nil},
	{checkPorts, []string{"wan"}},
	{checkSubnets, []string{"wan"}},
	{checkPools, nil},
	{checkDefaults, []string{"groups"}},
	{checkUpstreams, []string{"zones", "wan"}},
	{checkNames, nil},
	{checkTime, nil},
	{checkGroups, []string{"filter"}},
	{checkLockOut, nil},
	{checkOpenDoor, []string{"groups", "zones"}},
	{checkRules, []string{"groups", "zones"}},
	{checkTimetables, nil},
	{checkCalendar, nil},
	{checkPortal, nil},
	{checkAUP, nil},
	{checkTLS, nil},
	{checkReservations, nil},
	{checkReservedAddresses, []string{"zones"}},
	{checkReservedNames, []string{"portal"}},
}

// validate runs the rules that do not need a part with a broken value.
func validate(c Config, broken []string) Problems {
	var problems Problems
	for _, r := range rules {
		if !slices.ContainsFunc(broken, func(path string) bool {
			return slices.ContainsFunc(r.needs, func(part string) bool { return enclosing(part, path) })
		}) {
			r.check(c, problems.at)
		}
	}
	return problems
}

// checkVersion is for configurations made by a program; Parse has migrated.
func checkVersion(c Config, say say) {
	if c.Version != Version {
		say("version", "The version is %d; write %d.", c.Version, Version)
	}
}

func checkSchool(c Config, say say) {
	const most = 100
	if !oneLine(c.School.Name, most) {
		say("school.name", "Pages show the school's name. Write it in one line of at most %d letters.", most)
	}
	if !oneLine(c.School.Contact, most) {
		say("school.contact", `Pages tell people whom to ask. Write it in one line of at most %d letters, such as "Ms Ahmed in the office".`, most)
	}
}

// choose reports a word that is none of the possible ones.
func choose[T ~string](say say, path string, written T, what string, possible ...T) {
	if slices.Contains(possible, written) {
		return
	}
	var words []string
	for _, p := range possible {
		words = append(words, string(p))
	}
	if meant, ok := nearest(string(written), words); ok {
		say(path, "There is no %s %s. Did you mean %s?", what, quote(string(written)), quote(meant))
		return
	}
	if len(words) > 2 {
		say(path, "There is no %s %s. Write one of these: %s.", what, quote(string(written)), strings.Join(words, ", "))
		return
	}
	say(path, "There is no %s %s. Write %s or %s.", what, quote(string(written)), quote(words[0]), quote(words[1]))
}

// unique reports a value that an earlier element has already.
func unique[T comparable](say say, path, what string, seen map[T]int, v T, i int, list string) {
	if first, taken := earlier(seen, v, i); taken {
		say(path, "The %s %s is taken by %s. Write another.", what, quote(fmt.Sprint(v)), index(list, first))
	}
}

// once reports a value that stands in the list already.
func once[T comparable](say say, path string, seen map[T]int, v T, i int, list string) {
	if first, twice := earlier(seen, v, i); twice {
		say(path, "%s stands at %s already. Remove one of the two.", quote(fmt.Sprint(v)), index(list, first))
	}
}

// earlier finds the element that had v first. Nothing at all, which another
// rule speaks about, is never the same as nothing.
func earlier[T comparable](seen map[T]int, v T, i int) (first int, found bool) {
	var none T
	if v == none {
		return 0, false
	}
	if first, found = seen[v]; !found {
		seen[v] = i
	}
	return first, found
}
