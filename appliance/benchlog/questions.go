package main

import (
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// question is one that people ask.
type question struct {
	words string
	f     records.QueryFilter
}

// questions are about a log that ends at end.
func questions(end time.Time) []question {
	day := end.AddDate(0, 0, -10).Truncate(24 * time.Hour)
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, -1)
	}
	week := day.AddDate(0, 0, -7)
	laptop := identity.MAC{2, 0, 0, 0, 0, 18}
	return []question{
		{"the newest rows", records.QueryFilter{}},
		{"one day, everything", records.QueryFilter{Since: day, Until: day.AddDate(0, 0, 1)}},
		{"one person's day", records.QueryFilter{Person: somePerson, Since: day, Until: day.AddDate(0, 0, 1)}},
		{"one person's month", records.QueryFilter{Person: somePerson}},
		{"a person seen on one day", records.QueryFilter{Person: rarePerson}},
		{"a person who was never here", records.QueryFilter{Person: "Nobody Atall"}},
		{"one device's month, blocked", records.QueryFilter{MAC: laptop, Action: "block"}},
		{"everything blocked, month", records.QueryFilter{Action: "block"}},
		{"a common category, month", records.QueryFilter{Category: "gambling"}},
		{"a rare category, month", records.QueryFilter{Category: rareCategory}},
		{"one person, a rare category", records.QueryFilter{Person: somePerson, Category: rareCategory}},
		{"who asked for a rare name", records.QueryFilter{Name: rareName, Exact: true}},
		{"who asked for a popular site", records.QueryFilter{Name: popular}},
		{"below a name nobody asked for", records.QueryFilter{Name: "never-asked.example"}},
		{"part of a name, one week", records.QueryFilter{Contains: somePart, Since: week, Until: day}},
		{"part of a name, month", records.QueryFilter{Contains: somePart}},
		{"part of no name, month", records.QueryFilter{Contains: "zzzqqq"}},
		{"person and part of a name, month", records.QueryFilter{Person: somePerson, Contains: "phonics"}},
	}
}
