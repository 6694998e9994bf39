package records

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// How long the query log is kept, in days.
const (
	DefaultQueryDays = 90 // a school term and a bit
	MinQueryDays     = 7  // somebody must be able to ask on Monday what happened last week
	MaxQueryDays     = 400
)

// What the log may take of the card whatever the days: about three months of a
// school of 50 devices, about ten octets a row.
const (
	mostQueryRows  = 40_000_000
	mostQueryBytes = 512 << 20
)

const queryDaysKey = "queries.days"

// QueryLimits are the bounds in force. How long the log is kept stands with the
// records and not in the configuration: settings there are tried and may be taken
// back, and what a trial had deleted nothing would bring back.
func (db *DB) QueryLimits() (QueryLimits, error) {
	l := QueryLimits{Days: DefaultQueryDays, Rows: mostQueryRows, Bytes: mostQueryBytes}
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(db.queries.path), &st) == nil {
		l.Bytes = min(l.Bytes, int64(st.Blocks)*st.Bsize/4)
	}
	v, ok, err := db.Setting(queryDaysKey)
	if err != nil {
		return l, err
	}
	if n, err := strconv.Atoi(v); ok && err == nil && n >= MinQueryDays && n <= MaxQueryDays {
		l.Days = n
	}
	return l, nil
}

// KeepQueries sets for how many days the log is kept, together with its audit
// event. What is older goes with the next PruneQueries.
func (db *DB) KeepQueries(actor string, days int, reason string) error {
	if days < MinQueryDays || days > MaxQueryDays {
		return ErrQueryDays
	}
	why, ok := cleanText(reason, maxText)
	if !ok || why == "" {
		return ErrLookupReason
	}
	old, err := db.QueryLimits()
	if err != nil {
		return err
	}
	return db.write(protecting, "storing how long the query log is kept", func(t *tx) error {
		if _, err := t.exec(setSetting, queryDaysKey, strconv.Itoa(days)); err != nil {
			return err
		}
		return t.event(actor, "changed how long is kept", "query-log", fmt.Sprintf("%d days, before %d: %s", days, old.Days, why))
	})
}

// cutoff is the time before which nothing is kept.
func (l QueryLimits) cutoff(now time.Time) time.Time {
	return now.Add(-24 * time.Hour * time.Duration(max(l.Days, 1)))
}
