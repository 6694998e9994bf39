package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stairgate/config/identity"
)

// When something next opens or closes by the clock. The moments are written out, and
// each is compared with a look at every minute.
func TestChanges(t *testing.T) {
	const terms = "term 2026-09-02 2026-10-23\nterm 2026-11-02 2026-12-18\nholiday 2026-09-14 2026-09-14\ninset 2026-09-01\n"
	for name, x := range map[string]struct {
		rules       string
		from, until string
		want        []string
	}{
		"no timetables": {"", "2026-03-03T00:00", "2026-03-10T00:00", nil},
		"every school day": {
			"timetable lunch: mon-fri 12:00-13:00", "2026-03-05T12:30", "2026-03-09T12:30",
			[]string{"2026-03-05T13:00Z", "2026-03-06T12:00Z", "2026-03-06T13:00Z", "2026-03-09T12:00Z"},
		},
		"the first is after, the last may be the end": {
			"timetable lunch: mon-fri 12:00-13:00", "2026-03-05T12:00", "2026-03-05T13:00",
			[]string{"2026-03-05T13:00Z"},
		},
		"slots that meet are one": {
			"timetable day: thu 09:00-12:00; thu 12:00-15:30; fri 00:00-24:00; sat 00:00-06:00", "2026-03-05T00:00", "2026-03-08T00:00",
			[]string{"2026-03-05T09:00Z", "2026-03-05T15:30Z", "2026-03-06T00:00Z", "2026-03-07T06:00Z"},
		},
		"past midnight": {
			"timetable night: fri 22:00-06:00", "2026-03-06T21:00", "2026-03-14T05:00",
			[]string{"2026-03-06T22:00Z", "2026-03-07T06:00Z", "2026-03-13T22:00Z"},
		},
		"begun yesterday": {
			"timetable night: fri 22:00-06:00", "2026-03-07T01:00", "2026-03-08T00:00",
			[]string{"2026-03-07T06:00Z"},
		},
		"two timetables": {
			"timetable a: thu 09:00-10:00\ntimetable b: thu 09:30-10:00", "2026-03-05T00:00", "2026-03-06T00:00",
			[]string{"2026-03-05T09:00Z", "2026-03-05T09:30Z", "2026-03-05T10:00Z"},
		},
		// 29 March 2026, 01:00 GMT: the clock goes forward to 02:00.
		"forward, and the slot begins in the hour left out": {
			"timetable s: sun 01:30-03:00", "2026-03-28T12:00", "2026-03-30T12:00",
			[]string{"2026-03-29T01:00Z", "2026-03-29T02:00Z"},
		},
		"forward, and the slot ends in the hour left out": {
			"timetable s: sun 00:30-01:30", "2026-03-28T12:00", "2026-03-30T12:00",
			[]string{"2026-03-29T00:30Z", "2026-03-29T01:00Z"},
		},
		"forward, and the slot is left out": {"timetable s: sun 01:00-02:00", "2026-03-28T12:00", "2026-03-30T12:00", nil},
		"by the clock on both sides": {
			"timetable lunch: sat-sun 12:00-13:00", "2026-03-28T00:00", "2026-03-30T00:00",
			[]string{"2026-03-28T12:00Z", "2026-03-28T13:00Z", "2026-03-29T11:00Z", "2026-03-29T12:00Z"},
		},
		// 25 October 2026, 01:00 GMT: the clock goes back from 02:00 to 01:00.
		"back, and the hour counts twice": {
			"timetable s: sun 00:30-01:30", "2026-10-24T12:00", "2026-10-26T12:00",
			[]string{"2026-10-24T23:30Z", "2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z"},
		},
		"back, from within the first of the two hours": {
			"timetable s: sun 01:30-02:30", "2026-10-25T00:45Z", "2026-10-26T12:00",
			[]string{"2026-10-25T01:00Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"},
		},
		"back, all night": {
			"timetable s: sat 22:00-06:00", "2026-10-24T12:00", "2026-10-26T12:00",
			[]string{"2026-10-24T21:00Z", "2026-10-25T06:00Z"},
		},
		"days of the calendar": {
			terms + "timetable lunch term: mon-fri 12:00-13:00", "2026-09-10T14:00", "2026-09-15T14:00",
			[]string{"2026-09-11T11:00Z", "2026-09-11T12:00Z", "2026-09-15T11:00Z", "2026-09-15T12:00Z"},
		},
		"the end of a term": {
			terms + "timetable t term: mon-sun 00:00-24:00", "2026-10-20T00:00", "2026-11-05T00:00",
			[]string{"2026-10-23T23:00Z", "2026-11-02T00:00Z"},
		},
		"the night after the last day of a term": {
			terms + "timetable t term: mon-sun 20:00-04:00", "2026-10-23T12:00", "2026-11-01T00:00",
			[]string{"2026-10-23T19:00Z", "2026-10-24T03:00Z"},
		},
		"training": {
			terms + "timetable t inset: mon-fri 09:00-15:00", "2026-08-30T00:00", "2026-09-05T00:00",
			[]string{"2026-09-01T08:00Z", "2026-09-01T14:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &readSchool(t, x.rules).data.Policy
			from, until := at(t, x.from), at(t, x.until)
			var got []string
			for _, m := range Changes(f, from, until) {
				got = append(got, m.UTC().Format("2006-01-02T15:04Z07:00"))
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(minuteByMinute(t, f, from, until), got); diff != "" {
				t.Errorf("the minutes say otherwise (-minutes +got)\n%s", diff)
			}
		})
	}
}

// minuteByMinute finds the same by asking at each minute.
func minuteByMinute(t *testing.T, f *identity.Filter, from, until time.Time) (out []string) {
	t.Helper()
	held := func(at time.Time) (all []bool) {
		for _, in := range f.Timetables {
			all = append(all, newTimetable(in).holds(&moment{at: at, clock: london(t)}, &f.Calendar))
		}
		return all
	}
	was := held(from)
	for at := from.Add(time.Minute); !at.After(until); at = at.Add(time.Minute) {
		is := held(at)
		if !cmp.Equal(was, is) {
			out = append(out, at.UTC().Format("2006-01-02T15:04Z07:00"))
		}
		was = is
	}
	return out
}

// A box whose clock nobody knows goes by UTC, here as in Compile.
func TestChangesWithoutAClock(t *testing.T) {
	f := readSchool(t, "timetable lunch: mon-fri 12:00-13:00").data.Policy
	f.Clock = "Atlantis/Capital"
	from := time.Date(2026, 7, 1, 9, 0, 0, 1, time.UTC)
	want := []time.Time{time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 13, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, Changes(&f, from, from.Add(12*time.Hour))); diff != "" {
		t.Error(diff)
	}
}
