package policy

import (
	"time"
	_ "time/tzdata" // the box has no time zone files of its own

	"stairgate/config/identity"
)

// moment is the time of a question on the school's own clock, worked out when
// the first rule asks for it.
type moment struct {
	at      time.Time
	clock   *time.Location
	known   bool
	today   identity.Date
	weekday time.Weekday
	minute  int // of the day, as the clock on the wall shows it
}

// clockOf is the clock of an IANA name; where there is none, UTC.
func clockOf(name string) *time.Location {
	if loc, err := time.LoadLocation(name); err == nil {
		return loc
	}
	return time.UTC
}

func (m *moment) look() {
	if m.known {
		return
	}
	t := m.at.In(m.clock)
	m.today = identity.DateOf(t)
	m.weekday = t.Weekday()
	m.minute = 60*t.Hour() + t.Minute()
	m.known = true
}

// timetable is a compiled identity.Timetable. It goes by the clock on the wall:
// on the night in March in which 01:00 to 02:00 is left out, a slot there is left
// out too, and in October the hour that the clock shows twice counts twice.
type timetable struct {
	id, name string
	kinds    kinds // none: every day
	slots    []slot
}

// slot is [from, to) in minutes of the day; to is the day after when it is not
// later than from.
type slot struct {
	days     uint8 // bit of time.Weekday
	from, to int
}

// kinds is a set of identity.DayKind.
type kinds uint8

func kindBit(k identity.DayKind) kinds {
	switch k {
	case identity.DayTerm:
		return 1
	case identity.DayHoliday:
		return 2
	case identity.DayInset:
		return 4
	}
	return 0
}

// holds reports whether the timetable holds at m.
func (t *timetable) holds(m *moment, c *identity.Calendar) bool {
	m.look()
	var today, yesterday struct{ asked, is bool }
	for _, s := range t.slots {
		if s.days&(1<<m.weekday) != 0 && m.minute >= s.from && (m.minute < s.to || s.to <= s.from) {
			if !today.asked {
				today.asked, today.is = true, t.on(m.today, c)
			}
			if today.is {
				return true
			}
		}
		// The second half of a slot past midnight belongs to the day before.
		if s.to <= s.from && s.days&(1<<((m.weekday+6)%7)) != 0 && m.minute < s.to {
			if !yesterday.asked {
				yesterday.asked, yesterday.is = true, t.on(m.today.Yesterday(), c)
			}
			if yesterday.is {
				return true
			}
		}
	}
	return false
}

// on reports whether the timetable holds on such a day at all.
func (t *timetable) on(d identity.Date, c *identity.Calendar) bool {
	return t.kinds == 0 || t.kinds&kindBit(c.Kind(d)) != 0
}

// newTimetable compiles. What Validate refuses comes to a slot that never holds.
func newTimetable(in identity.Timetable) *timetable {
	t := &timetable{id: in.ID, name: in.Name}
	for _, k := range in.On {
		t.kinds |= kindBit(k)
	}
	for _, s := range in.Slots {
		from, ok1 := identity.MinuteOf(s.From)
		to, ok2 := identity.MinuteOf(s.To)
		if !ok1 || !ok2 {
			continue
		}
		out := slot{from: from, to: to}
		for _, d := range s.Days {
			for w := time.Sunday; w <= time.Saturday; w++ {
				if identity.WeekdayOf(w) == d {
					out.days |= 1 << w
				}
			}
		}
		t.slots = append(t.slots, out)
	}
	return t
}
