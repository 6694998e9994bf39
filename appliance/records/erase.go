package records

import (
	"database/sql"
	"errors"
	"strconv"

	"stairgate/config/identity"
)

// Subject is whose rows of the query log are meant: a person, under that name,
// or a device, whoever used it. Exactly one is set.
type Subject struct {
	Person string
	MAC    identity.MAC
}

// Filter chooses the subject's rows.
func (s Subject) Filter() QueryFilter { return QueryFilter{Person: s.Person, MAC: s.MAC} }

func (s Subject) String() string {
	if s.Person != "" {
		return "person:" + s.Person
	}
	return "device:" + s.MAC.String()
}

func (s Subject) check() error {
	if (NameKey(s.Person) == "") == s.MAC.IsZero() {
		return ErrSubject
	}
	return nil
}

// EraseQueries forgets every row of a subject and says how many there were; with them
// go the sites to which they went on from a warning and what they wrote there. What
// was asked for and by whom is in the audit before anything goes, how many rows
// went is there after. All of it is overwritten in the files and in their
// write-ahead logs; copies that somebody took of a file are not within reach.
func (db *DB) EraseQueries(actor string, s Subject, reason string) (removed int64, err error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	why, ok := cleanText(reason, maxText)
	if !ok || why == "" {
		return 0, ErrLookupReason
	}
	if err := db.Audit(actor, beganErasing, s.String(), why); err != nil {
		return 0, err
	}
	is := scan{filter: s.Filter()}
	is.begin()
	last, done := int64(0), false
	for !done {
		// In order of arrival: blocks that are put together meanwhile stand behind
		// those they were made of, so none is missed.
		var n int64
		var to int64
		err := db.queries.write("erasing queries", func(f *file) (err error) {
			n, to, done, err = f.expunge(last, &is)
			return err
		})
		if err != nil {
			return removed, err
		}
		removed, last = removed+n, to
	}
	if err := errors.Join(db.queries.shrink(), db.queries.checkpoint()); err != nil {
		return removed, err
	}
	words, err := db.eraseGoneOn(actor, s)
	if err != nil {
		return removed, err
	}
	what := strconv.FormatInt(removed, 10) + " rows"
	if words > 0 {
		what += ", and " + strconv.FormatInt(words, 10) + " × where they went on to from a warning, and why"
	}
	return removed, db.Audit(actor, "erased the query log of", s.String(), what+": "+why)
}

const beganErasing = "began erasing the query log of"

// eraseStep is how many blocks one transaction looks into at most: the log's
// writer waits no longer than that.
const eraseStep = 16

// expunge removes the rows that fit from the blocks behind block after; done says
// that there are no more blocks.
func (f *file) expunge(after int64, is *scan) (removed, last int64, done bool, err error) {
	ids, err := f.writerIDs(`SELECT id FROM blocks WHERE id > ? ORDER BY id LIMIT ?`, after, eraseStep)
	last = after
	for _, id := range ids {
		last = id
		var bits []byte
		err := f.row(`SELECT bits FROM filters WHERE block = ?`, id).Scan(&bits)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, 0, false, err
		}
		if err == nil && !bloom(bits).hasAll(is.terms) {
			continue
		}
		n, err := f.sieve(id, func(q Query) bool { return !is.fits(q) })
		if err != nil {
			return 0, 0, false, err
		}
		removed += n
	}
	return removed, last, len(ids) < eraseStep, err
}

// fits reports whether a row is the subject's.
func (s *scan) fits(q Query) bool {
	return (s.filter.MAC.IsZero() || q.MAC == s.filter.MAC) && (s.person == "" || s.is(q.Person))
}
