package config

import (
	"time"

	"stairgate/config/identity"
)

// The bounds of timetables and the calendar.
const (
	maxTimetables = 50
	maxSlots      = 50
	maxPeriods    = 200
)

func checkTimetables(c Config, say say) {
	if n := len(c.Filter.Timetables); n > maxTimetables {
		say("filter.timetables", "There are %d timetables; the box takes at most %d.", n, maxTimetables)
	}
	ids, names := map[string]int{}, map[string]int{}
	for i, t := range c.Filter.Timetables {
		path := index("filter.timetables", i)
		const most = 60
		if !lower(t.ID, maxRuleID) {
			say(path+".id", `%s cannot be a timetable's id. Write 1 to %d of a-z, 0-9 and - (not first or last), such as "lunch".`, quote(t.ID), maxRuleID)
		}
		unique(say, path+".id", "timetable id", ids, t.ID, i, "filter.timetables")
		if !oneLine(t.Name, most) {
			say(path+".name", `Pages show the timetable's name. Write it in one line of at most %d letters, such as "Lunch break".`, most)
		}
		unique(say, path+".name", "timetable name", names, t.Name, i, "filter.timetables")
		kinds := map[identity.DayKind]int{}
		for k, kind := range t.On {
			at := index(path+".on", k)
			choose(say, at, kind, "kind of day", identity.DayTerm, identity.DayHoliday, identity.DayInset)
			once(say, at, kinds, kind, k, path+".on")
		}
		switch n := len(t.Slots); {
		case n == 0:
			say(path+".slots", `The timetable never holds. Write at least one slot, such as {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "12:00", "to": "13:00"}.`)
		case n > maxSlots:
			say(path+".slots", "The timetable has %d slots; write at most %d.", n, maxSlots)
		}
		for k, s := range t.Slots {
			checkSlot(s, index(path+".slots", k), say)
		}
	}
}

func checkSlot(s identity.Slot, path string, say say) {
	if len(s.Days) == 0 {
		say(path+".days", `The slot is on no day. Write at least one of mon, tue, wed, thu, fri, sat and sun.`)
	}
	seen := map[identity.Weekday]int{}
	for i, d := range s.Days {
		at := index(path+".days", i)
		choose(say, at, d, "day of the week", identity.Weekdays()...)
		once(say, at, seen, d, i, path+".days")
	}
	from, ok1 := identity.MinuteOf(s.From)
	to, ok2 := identity.MinuteOf(s.To)
	const write = `Write hours and minutes in four digits, such as "12:05".`
	switch {
	case !ok1 || s.From == "24:00":
		say(path+".from", "%s is not a time of day. "+write, quote(s.From))
	case !ok2:
		say(path+".to", `%s is not a time of day. `+write+` The end of the day is "24:00".`, quote(s.To))
	case from == to:
		say(path+".to", `The slot ends when it begins. For a whole day write "from": "00:00", "to": "24:00"; a slot whose end is earlier than its beginning goes on past midnight.`)
	}
}

func checkCalendar(c Config, say say) {
	const at = "filter.calendar"
	checkPeriods(c.Filter.Calendar.Terms, at+".terms", "term", say)
	checkPeriods(c.Filter.Calendar.Holidays, at+".holidays", "holiday", say)
	for i, t := range c.Filter.Calendar.Terms {
		for k, earlier := range c.Filter.Calendar.Terms[:i] {
			if !t.To.Before(earlier.From) && !earlier.To.Before(t.From) {
				say(index(at+".terms", i)+".from", "This term overlaps %s, from %s to %s. Write dates outside that one.", index(at+".terms", k), earlier.From, earlier.To)
				break
			}
		}
	}
	if n := len(c.Filter.Calendar.Inset); n > maxPeriods {
		say(at+".inset", "There are %d training days; the box takes at most %d.", n, maxPeriods)
	}
	seen := map[identity.Date]int{}
	for i, d := range c.Filter.Calendar.Inset {
		once(say, index(at+".inset", i), seen, d, i, at+".inset")
	}
}

func checkPeriods(periods []identity.Period, path, what string, say say) {
	if n := len(periods); n > maxPeriods {
		say(path, "There are %d entries; the box takes at most %d. Remove those of past years.", n, maxPeriods)
	}
	for i, p := range periods {
		at := index(path, i)
		const most = 60
		if !oneLine(p.Name, most) {
			say(at+".name", `The %s needs a name in one line of at most %d letters, such as %s.`, what, most, word(what == "term", `"Autumn term 2026"`, `"Half-term"`))
		}
		switch {
		case p.From.IsZero() || p.To.IsZero():
			say(at+".from", `The %s needs its first and its last day, such as "2026-09-02" and "2026-12-18".`, what)
		case p.To.Before(p.From):
			say(at+".to", "The %s ends before it begins. Write its first day in from and its last in to.", what)
		case monthsLater(p.From, 12).Before(p.To):
			say(at+".to", "The %s is longer than a year. Look at the years of both dates.", what)
		}
	}
}

// monthsLater is the same day some months on.
func monthsLater(d identity.Date, months int) identity.Date {
	return identity.DateOf(time.Date(d.Year, d.Month+time.Month(months), d.Day, 12, 0, 0, 0, time.UTC))
}
