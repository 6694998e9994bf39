package records

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"stairgate/config/identity"
)

// QueryFilter chooses lines of the query log; zero fields choose all.
type QueryFilter struct {
	Since    time.Time // inclusive
	Until    time.Time // exclusive
	MAC      identity.MAC
	Person   string // full name; two ways of writing it are one (NameKey)
	Name     string // this name and every name below it
	Exact    bool   // with Name: this name only
	Contains string // somewhere in the name
	Action   string
	Category string

	Limit  int      // of a page; 0: 200
	Before Position // only what follows this place in a list newest first
	After  Position // only what stands before it
}

// Position is a place between two rows of a list, newest first: behind the first
// n rows of a time. The zero Position is none.
type Position struct {
	at  int64 // Unix microseconds
	n   int
	set bool
}

// IsZero reports whether p is no place.
func (p Position) IsZero() bool { return !p.set }

// String is the place as it stands in an address.
func (p Position) String() string {
	if !p.set {
		return ""
	}
	return strconv.FormatInt(p.at, 10) + "_" + strconv.Itoa(p.n)
}

// ParsePosition reads what String wrote; anything else is no place.
func ParsePosition(s string) Position {
	at, n, _ := strings.Cut(s, "_")
	us, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return Position{}
	}
	k, err := strconv.Atoi(n)
	if err != nil || k < 0 || k > 1_000_000 {
		return Position{}
	}
	return Position{us, k, true}
}

// QueryPage is what a search found, newest first.
type QueryPage struct {
	Rows  []Query
	Older Position // there are older rows that fit: Before of the next page
	Newer Position // there are newer rows that fit: After of the page before
}

// Queries is the rows of one page.
func (db *DB) Queries(f QueryFilter) ([]Query, error) {
	p, err := db.SearchQueries(f)
	return p.Rows, err
}

// SearchQueries finds a page of the log, newest first: the newest one, the one
// that follows f.Before, or the one that ends at f.After.
func (db *DB) SearchQueries(f QueryFilter) (QueryPage, error) {
	find := db.pageDown
	if !f.After.IsZero() {
		find = db.pageUp
	}
	p, err := find(f, bounded(f.Limit))
	return p, reading("the query log", err)
}

func (db *DB) pageDown(f QueryFilter, limit int) (p QueryPage, err error) {
	before := 0 // rows of the time where the page before ends
	s := scan{filter: f, need: limit + 1 + f.Before.n}
	err = db.queries.scan(&s, func(h hit) bool {
		if f.Before.set && h.at == f.Before.at && before < f.Before.n {
			before++
			return true
		}
		if len(p.Rows) == limit {
			last := p.Rows[limit-1].Time
			p.Older = Position{micros(last), 0, true}
			for i := limit - 1; i >= 0 && p.Rows[i].Time.Equal(last); i-- {
				p.Older.n++
			}
			if p.Older.n == limit && p.Older.at == f.Before.at {
				p.Older.n += before
			}
			return false
		}
		p.Rows = append(p.Rows, h.q)
		return true
	})
	if len(p.Rows) > 0 {
		p.Newer = f.Before
	}
	return p, err
}

func (db *DB) pageUp(f QueryFilter, limit int) (p QueryPage, err error) {
	var same []Query // rows of the time where the page ends; the newest n are wanted
	found := func() {
		p.Rows = append(p.Rows, same[max(0, len(same)-f.After.n):]...)
		same = nil
	}
	s := scan{filter: f, upwards: true}
	err = db.queries.scan(&s, func(h hit) bool {
		if h.at == f.After.at {
			same = append(same, h.q)
			return true
		}
		found()
		// To the end of a time, to know how many rows of it come before the page.
		if len(p.Rows) > limit && h.at != micros(p.Rows[limit-1].Time) {
			return false
		}
		p.Rows = append(p.Rows, h.q)
		return true
	})
	found()
	if len(p.Rows) > limit {
		p.Newer = Position{micros(p.Rows[limit-1].Time), 0, true}
		for _, q := range p.Rows[limit:] {
			if micros(q.Time) == p.Newer.at {
				p.Newer.n++
			}
		}
		p.Rows = p.Rows[:limit]
	}
	if len(p.Rows) > 0 {
		p.Older = f.After
	}
	slices.Reverse(p.Rows)
	return p, err
}

// CountQueries counts the rows that fit, up to most: then there may be more.
func (db *DB) CountQueries(f QueryFilter, most int) (n int, err error) {
	s := scan{filter: f}
	err = db.queries.count(&s, &n, most)
	return min(n, most), reading("the query log", err)
}

// exportPart is how many rows are read at once for somebody who may be slow to
// take them: meanwhile nothing waits.
const exportPart = 5000

// EachQuery hands each row that fits to emit, oldest first, until emit fails.
func (db *DB) EachQuery(f QueryFilter, emit func(Query) error) error {
	f.Before, f.After = Position{}, Position{}
	for {
		s := scan{filter: f, upwards: true, need: 2 * exportPart}
		var part []Query
		err := db.queries.scan(&s, func(h hit) bool {
			// Not between two rows of one time: the next part begins behind it.
			if len(part) >= exportPart && h.at != micros(part[len(part)-1].Time) {
				return false
			}
			part = append(part, h.q)
			return true
		})
		if err != nil {
			return reading("the query log", err)
		}
		for _, q := range part {
			if err := emit(q); err != nil {
				return err
			}
		}
		if len(part) < exportPart {
			return nil
		}
		f.Since = part[len(part)-1].Time.Add(time.Microsecond)
	}
}

// QueryLogInfo is what is in the log.
type QueryLogInfo struct {
	Rows           int64
	Oldest, Newest time.Time // zero: there are none
	Bytes          int64     // of the file
}

// QueryLog measures the log: by its rows, not by what it was told to keep.
func (db *DB) QueryLog() (info QueryLogInfo, err error) {
	q := &db.queries
	q.swap.RLock()
	defer q.swap.RUnlock()
	if q.file == nil {
		return info, reading("the query log", errNoLog)
	}
	var oldest, newest, pages, size int64
	err = q.file.readRow(`SELECT coalesce(sum(rows), 0), coalesce(min(first), 0), coalesce(max(last), 0) FROM blocks`).Scan(&info.Rows, &oldest, &newest)
	if err == nil {
		err = errors.Join(q.file.readRow(`PRAGMA page_count`).Scan(&pages), q.file.readRow(`PRAGMA page_size`).Scan(&size))
	}
	info.Oldest, info.Newest, info.Bytes = timeOf(oldest), timeOf(newest), pages*size
	return info, reading("the query log", err)
}

var errNoLog = errors.New("it cannot be opened")
