package records

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"stairgate/config/identity"
)

// QueryFilter chooses lines of the query log; zero fields choose all.
type QueryFilter struct {
	Since  time.Time // inclusive
	Until  time.Time // exclusive; for the next page, the time of the last line
	MAC    identity.MAC
	Person string // full name; case does not matter
	Name   string // this name and every name below it
	Action string
	Limit  int // 0: 200
}

// Queries searches the log, newest first.
func (db *DB) Queries(f QueryFilter) ([]Query, error) {
	q := &db.queries
	q.swap.RLock()
	defer q.swap.RUnlock()
	if q.file == nil {
		return nil, reading("the query log", errors.New("it cannot be opened"))
	}
	days, err := list(q.file, func(s scanner) (d int, err error) { return d, s.Scan(&d) }, `SELECT day FROM days ORDER BY day DESC`)
	if err != nil {
		return nil, reading("the query log", err)
	}
	conds := f.where()
	limit := bounded(f.Limit)
	var out []Query
	for _, d := range days {
		if !f.Since.IsZero() && d < dayOf(f.Since) || !f.Until.IsZero() && d > dayOf(f.Until) {
			continue
		}
		found, err := q.file.searchDay(d, conds, limit-len(out))
		if err != nil {
			return nil, reading("the query log", err)
		}
		if out = append(out, found...); len(out) >= limit {
			break
		}
	}
	return out, nil
}

func (f QueryFilter) where() (w where) {
	if !f.Since.IsZero() {
		w.and(`at >= ?`, micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.and(`at < ?`, micros(f.Until))
	}
	if !f.MAC.IsZero() {
		w.and(`mac = ?`, f.MAC.String())
	}
	if f.Person != "" {
		person, _ := clean(f.Person)
		w.and(`person = ? COLLATE NOCASE`, person)
	}
	if f.Name != "" {
		r := reversed(strings.TrimSpace(f.Name))
		w.and(`(rname = ? OR rname >= ? AND rname < ?)`, r, r+".", r+"/") // "/" is what follows "."
	}
	if f.Action != "" {
		w.and(`action = ?`, f.Action)
		if f.Action != "allow" {
			w.and(`action <> 'allow'`) // the words of the small index over them
		}
	}
	return w
}

func (f *file) searchDay(day int, w where, limit int) ([]Query, error) {
	// Not kept prepared: days and filters make too many different ones.
	rows, err := f.r.Query(`SELECT at, mac, device, person, addr, rname, type, action, category, rule FROM `+tableOf(day)+` `+w.String()+
		` ORDER BY at DESC, id DESC LIMIT ?`, append(slices.Clone(w.args), limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Query
	for rows.Next() {
		q, err := scanQuery(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, rows.Err()
}

func scanQuery(s scanner) (q Query, err error) {
	var at int64
	var mac, addr string
	if err := s.Scan(&at, &mac, &q.Device, &q.Person, &addr, &q.Name, &q.Type, &q.Action, &q.Category, &q.Rule); err != nil {
		return Query{}, err
	}
	q.Time, q.Name = timeOf(at), reversed(q.Name)
	if mac != "" {
		if q.MAC, err = identity.ParseMAC(mac); err != nil {
			return Query{}, err
		}
	}
	if addr != "" {
		q.Addr, err = netip.ParseAddr(addr)
	}
	return q, err
}
