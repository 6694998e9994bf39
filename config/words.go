package config

import (
	"slices"
	"strings"

	"stairgate/config/identity"
)

// slotWords is a slot for people: "Monday to Friday 12:00 to 13:00".
func slotWords(s identity.Slot) string {
	tail := ""
	from, _ := identity.MinuteOf(s.From)
	if to, _ := identity.MinuteOf(s.To); to <= from {
		tail = " the next day"
	}
	return dayWords(s.Days) + " " + s.From + " to " + s.To + tail
}

// dayWords names days, several in a row as from and to.
func dayWords(days []identity.Weekday) string {
	long := map[identity.Weekday]string{
		"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
	}
	var runs []string
	week := identity.Weekdays()
	for i := 0; i < len(week); {
		k := i
		for k < len(week) && slices.Contains(days, week[k]) {
			k++
		}
		switch n := k - i; {
		case n == 7:
			return "every day"
		case n >= 3:
			runs = append(runs, long[week[i]]+" to "+long[week[k-1]])
		default:
			for _, d := range week[i:k] {
				runs = append(runs, long[d])
			}
		}
		i = max(k, i+1)
	}
	return join(runs)
}

// TimetableWords is a timetable for people: its slots, and the kinds of day if
// it does not hold on all.
func TimetableWords(t identity.Timetable) string {
	var slots []string
	for _, s := range t.Slots {
		slots = append(slots, slotWords(s))
	}
	words := strings.Join(slots, "; ")
	if len(t.On) == 0 {
		return words
	}
	kinds := make([]string, len(t.On))
	for i, k := range t.On {
		kinds[i] = map[identity.DayKind]string{
			identity.DayTerm: "in term time", identity.DayHoliday: "in the holidays", identity.DayInset: "on training days",
		}[k]
	}
	return words + " (" + join(kinds) + ")"
}
