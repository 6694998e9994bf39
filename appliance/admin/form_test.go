package admin

import (
	"testing"
	"time"
)

func TestDatesAsPeopleTypeThem(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	for _, c := range []struct{ day, month, year, want, says string }{
		{"20", "11", "2026", "2026-11-20", ""},
		{" 1 ", "01", "2026", "2026-01-01", ""},
		{"3", "March", "2026", "2026-03-03", ""},
		{"3", "sept", "2026", "2026-09-03", ""},
		{"23", "11", "2026", "2026-11-23", ""},
		{"29", "2", "2024", "2024-02-29", ""},
		{"", "", "", "", "Enter the date of the check."},
		{"20", "", "2026", "", "Date of the check must include a month."},
		{"", "", "2026", "", "Date of the check must include a day and a month."},
		{"29", "2", "2026", "", "Date of the check must be a real date, such as 23 11 2026."},
		{"0", "1", "2026", "", "Date of the check must be a real date, such as 23 11 2026."},
		{"x", "1", "2026", "", "Date of the check must be a real date, such as 23 11 2026."},
		{"1", "ma", "2026", "", "Date of the check must be a real date, such as 23 11 2026."},
		{"1", "1", "26", "", "Date of the check must be a real date, such as 23 11 2026."},
		{"1", "13", "2026", "", "Date of the check must be a real date, such as 23 11 2026."},
		{"24", "11", "2026", "", "Date of the check must be today or in the past."},
	} {
		f := filled("d-day", c.day, "d-month", c.month, "d-year", c.year)
		got := f.date("d", "the date of the check", now)
		if f.Error("d") != c.says || c.says == "" && got.Format(time.DateOnly) != c.want {
			t.Errorf("%q %q %q: %v, %q", c.day, c.month, c.year, got, f.Error("d"))
		}
	}
}

func TestSpreadsheetCells(t *testing.T) {
	for cell, want := range map[string]string{
		"Jane Doe": "Jane Doe", "": "", "3": "3",
		"=1+1": "'=1+1", "+44": "'+44", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)",
		" =1": "' =1", "\t=1": "'\t=1", "\r1": "'\r1", "\n@x": "'\n@x",
	} {
		if got := plainCell(cell); got != want {
			t.Errorf("%q became %q", cell, got)
		}
	}
}

func TestHowLongAgo(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", time.Minute: "1 minute ago", 59 * time.Minute: "59 minutes ago", time.Hour: "1 hour ago",
		47 * time.Hour: "47 hours ago", 49 * time.Hour: "2 days ago", -time.Hour: "just now",
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
	if got := ago(time.Time{}, now); got != "never" {
		t.Errorf("never: %q", got)
	}
}

func TestGuessesGrowOld(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	var a attempts
	for i := range guessLimit {
		if _, ok := a.Take(now.Add(time.Duration(i)*20*time.Second), "x"); !ok {
			t.Fatalf("guess %d refused", i+1)
		}
	}
	last := now.Add((guessLimit - 1) * 20 * time.Second)
	if until, ok := a.Take(last.Add(time.Second), "y", "x"); ok || !until.Equal(last.Add(guessWindow)) {
		t.Errorf("the eleventh: %v until %v", ok, until)
	}
	if _, ok := a.Take(last.Add(guessWindow-time.Second), "x"); ok {
		t.Error("one more before the lock is over")
	}
	if _, ok := a.Take(last.Add(guessWindow), "x"); !ok {
		t.Error("locked for ever")
	}
	// A refused guess costs the other counters nothing.
	for i := range guessLimit {
		if _, ok := a.Take(last.Add(time.Second), "y"); !ok {
			t.Fatalf("y is locked after %d", i)
		}
	}
	for range 2 * attemptKeys {
		a.Take(last, NewSetupCode())
	}
	if len(a.when) > attemptKeys+1 {
		t.Errorf("%d counters kept", len(a.when))
	}
}
