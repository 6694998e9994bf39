package identity_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

func date(t *testing.T, s string) identity.Date {
	t.Helper()
	d, err := identity.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What a day is, also at the edges of terms and holidays.
func TestCalendarKind(t *testing.T) {
	c := identity.Calendar{
		Terms:    []identity.Period{{Name: "Autumn", From: date(t, "2026-09-02"), To: date(t, "2026-12-18")}},
		Holidays: []identity.Period{{Name: "Half-term", From: date(t, "2026-10-26"), To: date(t, "2026-10-30")}},
		Inset:    []identity.Date{date(t, "2026-09-01"), date(t, "2026-10-30")},
	}
	for day, want := range map[string]identity.DayKind{
		"2026-09-01": identity.DayInset, "2026-09-02": identity.DayTerm, "2026-10-25": identity.DayTerm, "2026-10-26": identity.DayHoliday,
		"2026-10-30": identity.DayInset, "2026-10-31": identity.DayTerm, "2026-12-18": identity.DayTerm, "2026-12-19": identity.DayHoliday,
	} {
		if got := c.Kind(date(t, day)); got != want {
			t.Errorf("%s is %s, want %s", day, got, want)
		}
	}
	if got := (identity.Calendar{}).Kind(date(t, "2026-08-01")); got != identity.DayTerm {
		t.Errorf("without a calendar a day is %s", got)
	}
}

func TestDate(t *testing.T) {
	for _, s := range []string{"2026-02-30", "26-01-01", "1 September", "", "2026-9-1"} {
		if _, err := identity.ParseDate(s); err == nil || !strings.Contains(err.Error(), "2026-09-01") {
			t.Errorf("%q: %v", s, err)
		}
	}
	if got := date(t, "2028-03-01").Yesterday().String(); got != "2028-02-29" {
		t.Errorf("the day before 1 March 2028 is %s", got)
	}
	if got := date(t, "2027-01-01").Yesterday(); got != date(t, "2026-12-31") || !got.Before(date(t, "2027-01-01")) || got.Words() != "31 December 2026" {
		t.Errorf("%v", got)
	}
	// The day of a moment is the one of the clock that shows it.
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	late := time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC)
	if got := identity.DateOf(late.In(london)); got.String() != "2026-07-01" {
		t.Errorf("half past midnight in London is %s", got)
	}
	for _, d := range []identity.Date{{}, date(t, "2026-09-01")} {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back identity.Date
		if err := json.Unmarshal(b, &back); err != nil || back != d {
			t.Errorf("%s came back as %v, %v", b, back, err)
		}
	}
}

func TestMinuteOf(t *testing.T) {
	for s, want := range map[string]int{"00:00": 0, "12:05": 725, "23:59": 1439, "24:00": 1440} {
		if got, ok := identity.MinuteOf(s); !ok || got != want {
			t.Errorf("%s: %d, %t", s, got, ok)
		}
	}
	for _, s := range []string{"", "9:00", "24:01", "12:60", "25:00", "12-00", "1200", "12:0x", "٠٩:00", "-1:00"} {
		if got, ok := identity.MinuteOf(s); ok {
			t.Errorf("%q is minute %d", s, got)
		}
	}
}

func TestWeekdayOf(t *testing.T) {
	for d, want := range map[time.Weekday]identity.Weekday{time.Monday: "mon", time.Sunday: "sun", time.Saturday: "sat"} {
		if got := identity.WeekdayOf(d); got != want {
			t.Errorf("%s is %s", d, got)
		}
	}
}

func TestCategorySet(t *testing.T) {
	s := identity.SetOf(identity.Social, identity.Pornography, identity.Malware, "nonsense")
	if !s.Has(identity.Social) || s.Has(identity.Chat) || s.Has("nonsense") {
		t.Errorf("%v", s.Categories())
	}
	if c, ok := s.Gravest(); !ok || c.ID != identity.Pornography {
		t.Errorf("the gravest is %s", c.ID)
	}
	if got := s.Locked(); got != identity.SetOf(identity.Pornography, identity.Malware) {
		t.Errorf("locked are %v", got.Categories())
	}
	if _, ok := identity.CategorySet(0).Gravest(); ok {
		t.Error("nothing has a gravest")
	}
	if got := identity.AllCategories().Categories(); len(got) != len(identity.Categories()) {
		t.Errorf("all are %v", got)
	}
}

func TestPlatforms(t *testing.T) {
	identity.Platforms()[0].ID = "mine"
	p, ok := identity.PlatformOf("bbc-cbeebies")
	if !ok || p.ID != "bbc-cbeebies" {
		t.Error("a caller changed a platform")
	}
	if _, ok := identity.PlatformOf("netflix"); ok {
		t.Error("a platform nobody chose")
	}
}
