package identity

import (
	"fmt"
	"time"
)

// Timetable is a named choice of times in the week: "Lunch break".
type Timetable struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	On    []DayKind `json:"on,omitempty"` // kinds of day on which it holds; none is every day
	Slots []Slot    `json:"slots"`
}

// Slot is a stretch of time on some days of the week. Where To is not after
// From it goes on past midnight, and belongs to the day on which it began.
type Slot struct {
	Days []Weekday `json:"days"`
	From string    `json:"from"` // "12:00"
	To   string    `json:"to"`   // "13:00"; "24:00" is the end of the day
}

// Weekday is a day of the week as it is written: "mon".
type Weekday string

// Weekdays lists the days from Monday.
func Weekdays() []Weekday { return []Weekday{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

// WeekdayOf is the written form of a day of the week.
func WeekdayOf(d time.Weekday) Weekday { return Weekdays()[(int(d)+6)%7] }

// DayKind is what the school's calendar calls a day.
type DayKind string

// The kinds of day.
const (
	DayTerm    DayKind = "term"    // children are here
	DayHoliday DayKind = "holiday" // outside the terms, half-terms, bank holidays
	DayInset   DayKind = "inset"   // staff training, without children
)

// Calendar is the school's year.
type Calendar struct {
	Terms    []Period `json:"terms"`
	Holidays []Period `json:"holidays"` // inside terms: half-terms, bank holidays
	Inset    []Date   `json:"inset"`
}

// Period is some days in a row, the first and the last included.
type Period struct {
	Name string `json:"name"`
	From Date   `json:"from"`
	To   Date   `json:"to"`
}

// Kind says what a day is. Training days come first, since they lie in terms
// and at the edges of holidays; a school that has written down no terms has
// term all year round but for its holidays.
func (c Calendar) Kind(d Date) DayKind {
	for _, day := range c.Inset {
		if day == d {
			return DayInset
		}
	}
	for _, p := range c.Holidays {
		if p.holds(d) {
			return DayHoliday
		}
	}
	for _, p := range c.Terms {
		if p.holds(d) {
			return DayTerm
		}
	}
	if len(c.Terms) == 0 {
		return DayTerm
	}
	return DayHoliday
}

func (p Period) holds(d Date) bool { return !d.Before(p.From) && !p.To.Before(d) }

// Date is a day of the calendar, written "2026-09-01".
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day that a clock showing t's own zone calls t.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// ParseDate reads "2026-09-01".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date: write year, month and day such as 2026-09-01", s)
	}
	return DateOf(t), nil
}

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool {
	if d.Year != e.Year {
		return d.Year < e.Year
	}
	if d.Month != e.Month {
		return d.Month < e.Month
	}
	return d.Day < e.Day
}

// Yesterday is the day before d.
func (d Date) Yesterday() Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day-1, 12, 0, 0, 0, time.UTC))
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// String is "2026-09-01".
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// Words is the day for people: "1 September 2026".
func (d Date) Words() string { return fmt.Sprintf("%d %s %d", d.Day, d.Month, d.Year) }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return []byte{}, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is no day.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	v, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// MinuteOf reads a time of day of a slot: "12:05" is minute 725, and "24:00" is
// the end of the day.
func MinuteOf(s string) (minute int, ok bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, false
	}
	return 60*h + m, true
}
