package records

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
)

// scan is one walk over the blocks of the log.
type scan struct {
	filter  QueryFilter
	upwards bool // oldest first
	need    int  // the first this many rows are all that is asked for; 0: all

	since, until int64 // microseconds, both inclusive
	terms        []term
	name, part   []byte // back to front
	person       string // NameKey
	people       map[string]bool

	// Which askers, rulings and names of the present block fit.
	askers, rulings, names []bool
	rows                   []int // which rows do
}

// hit is a row that fits and where it stands.
type hit struct {
	at    int64
	block int64
	index int
	q     Query
}

// span is a block without what stands in it.
type span struct {
	id          int64
	rows        int
	first, last int64
}

func (s *scan) begin() {
	f := s.filter
	s.since, s.until = math.MinInt64, math.MaxInt64
	if !f.Since.IsZero() {
		s.since = micros(f.Since)
		if f.Since.Nanosecond()%1000 != 0 {
			s.since++
		}
	}
	if !f.Until.IsZero() {
		s.until = micros(f.Until) - 1
		if f.Until.Nanosecond()%1000 != 0 {
			s.until++
		}
	}
	if !f.Before.IsZero() {
		s.until = min(s.until, f.Before.at)
	}
	if !f.After.IsZero() {
		s.since = max(s.since, f.After.at)
	}
	s.terms = f.terms()
	s.name, s.part = []byte(backwards(plainName(f.Name))), []byte(backwards(plainPart(f.Contains)))
	s.person, s.people = NameKey(f.Person), make(map[string]bool)
}

// spans lists the blocks that reach into the time asked for.
func (s *scan) spans(ctx context.Context, c *sql.Conn) (out []span, err error) {
	order := `last DESC, id DESC`
	if s.upwards {
		order = `first, id`
	}
	rows, err := c.QueryContext(ctx, `SELECT id, rows, first, last FROM blocks WHERE last >= ? AND first <= ? ORDER BY `+order, s.since, s.until)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b span
		if err := rows.Scan(&b.id, &b.rows, &b.first, &b.last); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

// compare orders rows as they are asked for.
func (s *scan) compare(a, b hit) int {
	c := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.block, b.block), cmp.Compare(a.index, b.index))
	if !s.upwards {
		return -c
	}
	return c
}

// scan hands the rows that fit to emit, in order, until it returns false.
func (q *queryLog) scan(s *scan, emit func(hit) bool) error {
	var waiting []hit // not yet known to be next
	s.begin()
	stopped := false
	flush := func(upTo func(at int64) bool) {
		slices.SortFunc(waiting, s.compare)
		n := 0
		for ; n < len(waiting) && !stopped && upTo(waiting[n].at); n++ {
			stopped = !emit(waiting[n])
		}
		waiting = waiting[n:]
	}
	err := q.blocks(s, func(b span) bool {
		// What lies before everything in this block and in those that follow is next.
		flush(func(at int64) bool {
			if s.upwards {
				return at < b.first
			}
			return at > b.last
		})
		return !stopped
	}, func(b span, k *block) error {
		if err := k.readTimes(); err != nil {
			return err
		}
		taken := 0
		take := func(i int) bool {
			if at := k.times[i]; at >= s.since && at <= s.until {
				waiting = append(waiting, hit{at, b.id, i, k.row(i)})
				taken++
			}
			return s.need == 0 || taken < s.need
		}
		if s.upwards {
			for _, i := range s.rows {
				if !take(i) {
					break
				}
			}
			return nil
		}
		for _, i := range slices.Backward(s.rows) {
			if !take(i) {
				break
			}
		}
		return nil
	})
	if err == nil && !stopped {
		flush(func(int64) bool { return true })
	}
	return err
}

// count counts the rows that fit into n until there are more than most.
func (q *queryLog) count(s *scan, n *int, most int) error {
	s.begin()
	return q.blocks(s, func(span) bool { return *n < most }, func(b span, k *block) error {
		if b.first >= s.since && b.last <= s.until {
			*n += len(s.rows)
			return nil
		}
		if err := k.readTimes(); err != nil {
			return err
		}
		for _, i := range s.rows {
			if at := k.times[i]; at >= s.since && at <= s.until {
				*n++
			}
		}
		return nil
	})
}

// blocks visits the blocks in which rows may fit, with s.rows set, in one view
// of the file: what is put together meanwhile is not met twice. next is asked
// before each block of the time, and ends the walk.
func (q *queryLog) blocks(s *scan, next func(span) bool, visit func(span, *block) error) error {
	q.swap.RLock()
	defer q.swap.RUnlock()
	if q.file == nil {
		return errNoLog
	}
	ctx := context.Background()
	c, err := q.file.r.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	tx, err := c.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	spans, err := s.spans(ctx, c)
	if err != nil {
		return err
	}
	bits, err := tx.PrepareContext(ctx, `SELECT bits FROM filters WHERE block = ?`)
	if err != nil {
		return err
	}
	defer bits.Close()
	data, err := tx.PrepareContext(ctx, `SELECT bytes FROM data WHERE block = ?`)
	if err != nil {
		return err
	}
	defer data.Close()
	var k block
	for _, b := range spans {
		if !next(b) {
			return nil
		}
		var raw sql.RawBytes
		if len(s.terms) > 0 {
			may := true // a small block has no filter
			err := withRaw(bits, b.id, &raw, func() error {
				may = bloom(raw).hasAll(s.terms)
				return nil
			})
			if err != nil {
				return err
			}
			if !may {
				continue
			}
		}
		there := false
		err := withRaw(data, b.id, &raw, func() error {
			there = true
			if err := k.read(raw); err != nil {
				return err
			}
			if !s.match(&k) {
				return nil
			}
			return visit(b, &k)
		})
		switch {
		case errors.Is(err, errBlock), err == nil && !there:
			// The rest can still be read, and it is said what cannot.
			q.spoilt.Store(b.id)
			q.health.report("queries.block", "A part of the query log is damaged and cannot be shown: "+rangeWords(b)+". Everything else can be read. If it happens again, change the box's storage card.")
		case err != nil:
			return err
		}
	}
	return nil
}

// withRaw hands over one value where it lies, if there is one.
func withRaw(s *sql.Stmt, id int64, raw *sql.RawBytes, use func() error) error {
	rows, err := s.Query(id)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return rows.Err()
	}
	if err := rows.Scan(raw); err != nil {
		return err
	}
	return use()
}

// rangeWords says in words when a block's rows were.
func rangeWords(b span) string {
	const form = "2 January 2006, 15:04"
	return timeOf(b.first).Format(form) + " to " + timeOf(b.last).Format(form) + " UTC"
}
