package records

import (
	"strconv"
	"time"
)

// How far the clock may be ahead of what it showed before.
const (
	// usualAbsence is how long a box may have been off for its clock to be believed
	// at once: a week covers weekends and a bank holiday.
	usualAbsence = 7 * 24 * time.Hour
	// longAbsence is the most that is believed after a while: longer than any
	// holiday, and than the longest time anything here is kept for.
	longAbsence = 400 * 24 * time.Hour
	// firstLook is how long the clock of a new box must have gone on before what it
	// shows is remembered: until a time server is reached it may show anything.
	firstLook = 10 * time.Minute
	// steadyTime is that while: a network time server has put a wrong clock right
	// long before.
	steadyTime = 6 * time.Hour
)

// clockFloorKey is the setting that holds the latest time the clock was believed
// to show.
const clockFloorKey = "clock.floor"

// believe decides whether things may be forgotten for good because their time is
// over at now. floor is the latest time that was believed, steady how long the
// clock has gone on without a jump. next is the floor from now on.
//
// A jump ahead that stays is believed in steps of longAbsence: so a box that was
// in a cupboard for years forgets in the end what it must, and one whose clock is
// wrong by years for a day does not.
func believe(floor, now time.Time, steady time.Duration) (believed bool, next time.Time) {
	switch ahead := now.Sub(floor); {
	case ahead < 0:
		// Nothing is forgotten too early by a clock that is behind.
		if steady >= steadyTime {
			return true, now
		}
		return true, floor
	case ahead <= usualAbsence:
		return true, now
	case steady < steadyTime:
		return false, floor
	case ahead <= longAbsence:
		return true, now
	default:
		return false, floor.Add(longAbsence)
	}
}

// MayForget says whether records may be pruned by age at now. built is when this
// program was made: no earlier time is believed. steady is how long the clock has
// gone on without a jump. Ask at least daily: what is believed is remembered.
func (db *DB) MayForget(now, built time.Time, steady time.Duration) (bool, error) {
	floor := built
	text, ok, err := db.Setting(clockFloorKey)
	if err != nil {
		return false, err
	}
	if us, err := strconv.ParseInt(text, 10, 64); ok && err == nil {
		if t := timeOf(us); t.After(floor) {
			floor = t
		}
	} else if now.After(floor) {
		floor = now // a new box: there is nothing to compare with, and nothing to lose
	}
	if !ok && steady < firstLook {
		return true, nil
	}
	believed, next := believe(floor, now, steady)
	if next.Before(built) {
		next = built
	}
	if next.Equal(floor) && ok {
		return believed, nil
	}
	return believed, db.SetSetting(clockFloorKey, strconv.FormatInt(micros(next), 10))
}

// EndPassed ends, as a state on record, the sessions and the openings whose time
// is over at that time, so that a clock that is put back brings none of them to
// life again. It writes only when there is one.
func (db *DB) EndPassed(at time.Time) error {
	var any bool
	if err := db.file.readRow(`SELECT EXISTS (SELECT 1 FROM sessions WHERE ended_at = 0 AND until <= ?) OR EXISTS (SELECT 1 FROM unblocks WHERE ended_at = 0 AND until <= ?1)`, micros(at)).Scan(&any); err != nil {
		return reading("the sessions", err)
	}
	if !any {
		return nil
	}
	return db.write(protecting, "ending what has run out", func(t *tx) error {
		if _, err := t.exec(`UPDATE sessions SET ended_at = until, ended_why = 'ran out' WHERE ended_at = 0 AND until <= ?`, micros(at)); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE unblocks SET ended_at = until WHERE ended_at = 0 AND until <= ?`, micros(at))
		return err
	})
}

// endBeforeStop ends what had run out when the program last looked at the clock:
// it may have been stopped before it could say so, and the clock may have been
// put back since.
func (db *DB) endBeforeStop() error {
	last, ok, err := one(db.file, func(s scanner) (us int64, err error) { return us, s.Scan(&us) }, `SELECT at FROM probe WHERE id = 1`)
	if err != nil || !ok {
		return reading("the last look at the clock", err)
	}
	return db.EndPassed(timeOf(last))
}
