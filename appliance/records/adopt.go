package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"stairgate/config/identity"
)

// adopt takes over what the program before migration 2 had logged: a table for
// each day, with names by labels back to front. It works in short transactions
// and goes on where it was when the power failed.
func (q *queryLog) adopt() error {
	for {
		left := false
		err := q.write("taking over an older query log", func(f *file) (err error) {
			left, err = f.adoptStep()
			return err
		})
		if err != nil || !left {
			return err
		}
	}
}

// adoptStep takes over one block of the oldest day.
func (f *file) adoptStep() (left bool, err error) {
	days, err := f.writerIDs(`SELECT day FROM days ORDER BY day LIMIT 1`)
	if err != nil || len(days) == 0 {
		return false, err
	}
	table := fmt.Sprintf("q%08d", days[0])
	s, err := f.prepared(`SELECT at, mac, device, person, addr, rname, type, action, category, rule FROM ` + table + ` ORDER BY id LIMIT ?`)
	if err != nil {
		return false, err
	}
	var rows []Query
	err = eachRow(s, func(s scanner) error {
		q, err := scanDayRow(s)
		rows = append(rows, q)
		return err
	}, wholeRows)
	if err != nil {
		return false, err
	}
	if len(rows) > 0 {
		if err := f.addBlock(wholeLevel, rows); err != nil {
			return false, err
		}
	}
	if len(rows) == wholeRows {
		_, err := f.exec(`DELETE FROM `+table+` WHERE id IN (SELECT id FROM `+table+` ORDER BY id LIMIT ?)`, wholeRows)
		return true, err
	}
	f.forgetPrepared()
	if _, err := f.exec(`DROP TABLE ` + table); err != nil {
		return false, err
	}
	_, err = f.exec(`DELETE FROM days WHERE day = ?`, days[0])
	return true, err
}

func scanDayRow(s scanner) (q Query, err error) {
	var at int64
	var mac, addr string
	if err := s.Scan(&at, &mac, &q.Device, &q.Person, &addr, &q.Name, &q.Type, &q.Action, &q.Category, &q.Rule); err != nil {
		return Query{}, err
	}
	labels := strings.Split(q.Name, ".")
	slices.Reverse(labels)
	q.Time, q.Name = timeOf(at), strings.Join(labels, ".")
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

// forgetPrepared closes the writer's statements: those over a table that goes
// would otherwise pile up, a few for each day.
func (f *file) forgetPrepared() {
	for text, s := range f.ws {
		_ = s.Close() // it has given its rows
		delete(f.ws, text)
	}
}
