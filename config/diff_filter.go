package config

import (
	"slices"

	"stairgate/config/identity"
)

// filter compares the school's rules, timetables and calendar.
func (d *differ) filter(old, new Config) {
	d.rules(old, new)
	d.timetables(old.Filter.Timetables, new.Filter.Timetables)
	d.calendar(old.Filter.Calendar, new.Filter.Calendar)
}

// rules compares rule by rule, recognised by id.
func (d *differ) rules(old, new Config) {
	s := between(old, new)
	var kept, before []string
	for _, r := range new.Filter.Rules {
		i := slices.IndexFunc(old.Filter.Rules, func(o identity.Rule) bool { return o.ID == r.ID })
		if i < 0 {
			d.say("A new rule, “%s”: %s, %s.", r.ID, s.rule(r), because(r))
			continue
		}
		kept = append(kept, r.ID)
		o := old.Filter.Rules[i]
		was(d, s.rule(o), s.rule(r), "The rule “%s” is now: %s", r.ID)
		d.because(o, r)
	}
	for _, r := range old.Filter.Rules {
		if slices.ContainsFunc(new.Filter.Rules, func(n identity.Rule) bool { return n.ID == r.ID }) {
			before = append(before, r.ID)
			continue
		}
		d.say("The rule “%s” is gone; it was: %s.", r.ID, s.rule(r))
	}
	if !slices.Equal(kept, before) {
		d.say("The school's rules are now asked in this order: %s.", join(kept))
	}
}

// because tells what changes in the reasons of a rule.
func (d *differ) because(old, new identity.Rule) {
	was(d, "“"+old.Reason+"”", "“"+new.Reason+"”", "The reason of the rule “%s” is now %s", new.ID)
	was(d, old.Author, new.Author, "The rule “%s” is now put down to %s", new.ID)
	was(d, old.Made.Words(), new.Made.Words(), "The rule “%s” is now said to be made on %s", new.ID)
	was(d, old.Review.Words(), new.Review.Words(), "The rule “%s” is now to be looked at again by %s", new.ID)
}

// because is the reason of a rule, at the end of a sentence.
func because(r identity.Rule) string {
	return "because “" + r.Reason + "” (" + r.Author + ", " + r.Made.Words() + "; to be looked at again by " + r.Review.Words() + ")"
}

// RuleWords says what one of the school's rules does under c:
// "kahoot.it is allowed for the group Staff during “Lunch break”".
func RuleWords(c Config, r identity.Rule) string { return between(c).rule(r) }

func (s settings) rule(r identity.Rule) string {
	what, many := r.Names, len(r.Names) > 1
	if len(r.Categories) > 0 {
		what, many = nil, len(r.Categories) > 1
		for _, c := range r.Categories {
			what = append(what, category(c))
		}
	}
	words := join(what) + word(many, " are ", " is ") + openWord(actionWord(r.Action)) + " for " + s.whom(r)
	if r.When != "" {
		words += " during “" + called(s.timetables, r.When) + "”"
	}
	return words
}

func (s settings) whom(r identity.Rule) string {
	var words []string
	if !r.Device.IsZero() {
		words = append(words, "the device "+r.Device.String())
	}
	if r.Person != "" {
		words = append(words, r.Person)
	}
	if r.Group != "" {
		words = append(words, "the group "+called(s.groups, r.Group))
	}
	if r.Zone != "" {
		words = append(words, "the zone "+called(s.zones, r.Zone))
	}
	if len(words) == 0 {
		return "everybody"
	}
	return join(words)
}

// timetables compares timetable by timetable, recognised by id.
func (d *differ) timetables(old, new []identity.Timetable) {
	for _, t := range new {
		i := slices.IndexFunc(old, func(o identity.Timetable) bool { return o.ID == t.ID })
		if i < 0 {
			d.say("There is a new timetable, “%s”: %s.", t.Name, TimetableWords(t))
			continue
		}
		was(d, old[i].Name, t.Name, "The timetable %s is now called %s", quote(t.ID))
		was(d, TimetableWords(old[i]), TimetableWords(t), "“%s” is now %s", t.Name)
	}
	for _, t := range old {
		if !slices.ContainsFunc(new, func(n identity.Timetable) bool { return n.ID == t.ID }) {
			d.say("The timetable “%s” is gone.", t.Name)
		}
	}
}

func (d *differ) calendar(old, new identity.Calendar) {
	d.periods(old.Terms, new.Terms, "term")
	d.periods(old.Holidays, new.Holidays, "holiday")
	for _, day := range added(old.Inset, new.Inset) {
		d.say("%s is now a training day.", day.Words())
	}
	for _, day := range added(new.Inset, old.Inset) {
		d.say("%s is no longer a training day.", day.Words())
	}
}

func (d *differ) periods(old, new []identity.Period, what string) {
	for _, p := range added(old, new) {
		d.say("The calendar now has the %s “%s”, %s to %s.", what, p.Name, p.From.Words(), p.To.Words())
	}
	for _, p := range added(new, old) {
		d.say("The calendar no longer has the %s “%s”, %s to %s.", what, p.Name, p.From.Words(), p.To.Words())
	}
}
