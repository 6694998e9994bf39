package policy

import (
	"slices"
	"time"

	"stairgate/config/identity"
)

// Changes lists, in order, the moments after one time and up to another at which any of
// the school's timetables begins or ends. Between two of them none does, so that what
// was decided by the clock holds from one to the next.
func Changes(f *identity.Filter, after, until time.Time) []time.Time {
	if len(f.Timetables) == 0 {
		return nil
	}
	clock := clockOf(f.Clock)
	tables := make([]*timetable, len(f.Timetables))
	minutes := []int{0} // a day of the calendar begins
	for i, t := range f.Timetables {
		tables[i] = newTimetable(t)
		for _, s := range tables[i].slots {
			minutes = append(minutes, s.from, s.to)
		}
	}
	slices.Sort(minutes)
	moments := onTheWall(slices.Compact(minutes), after, until, clock)
	slices.SortFunc(moments, time.Time.Compare)
	moments = slices.CompactFunc(moments, time.Time.Equal)
	return slices.DeleteFunc(moments, func(at time.Time) bool {
		before, then := moment{at: at.Add(-1), clock: clock}, moment{at: at, clock: clock}
		return !slices.ContainsFunc(tables, func(t *timetable) bool {
			return t.holds(&before, &f.Calendar) != t.holds(&then, &f.Calendar)
		})
	})
}

// onTheWall lists when the clock on the wall shows one of those minutes of the day, and
// when it is put forward or back. In October it shows some minutes twice, in March some
// not at all.
func onTheWall(minutes []int, after, until time.Time, clock *time.Location) (out []time.Time) {
	for begin := after; begin.Before(until); {
		// From one change of the clock to the next the wall is a constant ahead of UTC.
		_, seconds := begin.In(clock).Zone()
		ahead := time.Duration(seconds) * time.Second
		end := until
		if _, next := begin.In(clock).ZoneBounds(); !next.IsZero() && !next.After(until) {
			end = next
			out = append(out, next)
		}
		const day = 24 * time.Hour
		for d := begin.UTC().Add(ahead).Truncate(day); !d.Add(-ahead).After(end); d = d.Add(day) {
			for _, m := range minutes {
				if at := d.Add(time.Duration(m)*time.Minute - ahead); at.After(begin) && !at.After(end) {
					out = append(out, at)
				}
			}
		}
		begin = end
	}
	return out
}
