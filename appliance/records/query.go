package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Query is one line of the query log: who asked for which name and what came of
// it. It holds names, never addresses of pages: that is all DNS sees.
type Query struct {
	Time     time.Time
	MAC      identity.MAC
	Device   string // name of the device at that time
	Person   string // full name of who was signed in at that time
	Addr     netip.Addr
	Name     string // lower case, no final dot
	Type     string
	Action   string // "allow", "block", "local", "refuse", "error"
	Category string
	Rule     string
}

// LogQueries stores a batch in one transaction. It may wait for the disk: call
// it from a goroutine that nothing else waits for.
func (db *DB) LogQueries(batch []Query) error {
	if len(batch) == 0 {
		return nil
	}
	q := &db.queries
	if q.paused() || nearlyFull(q.path) {
		err := &writeError{"storing the query log", errNearlyFull}
		q.health.report("queries", querySentence(err))
		return err
	}
	byDay := make(map[int][]Query)
	for _, row := range batch {
		d := dayOf(row.Time)
		byDay[d] = append(byDay[d], row)
	}
	return q.write("storing the query log", func(f *file) error {
		for d, rows := range byDay {
			if err := f.logDay(d, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *file) logDay(day int, rows []Query) error {
	if _, err := f.exec(`INSERT INTO days (day, rows) VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET rows = rows + excluded.rows`, day, len(rows)); err != nil {
		return err
	}
	var there bool
	if err := f.row(`SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)`, tableOf(day)).Scan(&there); err != nil {
		return err
	}
	if !there {
		if err := f.createDay(day); err != nil {
			return err
		}
	}
	insert := `INSERT INTO ` + tableOf(day) + ` (at, mac, device, person, addr, rname, type, action, category, rule) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	for _, q := range rows {
		mac, addr := "", ""
		if !q.MAC.IsZero() {
			mac = q.MAC.String()
		}
		if q.Addr.IsValid() {
			addr = q.Addr.String()
		}
		if _, err := f.exec(insert, micros(q.Time), mac, label(q.Device, maxName), label(q.Person, maxName), addr,
			reversed(label(q.Name, 255)), label(q.Type, 16), label(q.Action, 16), label(q.Category, 64), label(q.Rule, 300)); err != nil {
			return err
		}
	}
	return nil
}

// dayOf is the UTC day of a time as a number: 20260105.
func dayOf(t time.Time) int {
	y, m, d := t.UTC().Date()
	return y*10000 + int(m)*100 + d
}

func tableOf(day int) string { return fmt.Sprintf("q%08d", day) }

// createDay makes a day's table. Names are stored back to front
// ("uk.co.example.www"), so that a name and all below it stand together in the
// index.
func (f *file) createDay(day int) error {
	t := tableOf(day)
	for _, s := range []string{
		`CREATE TABLE ` + t + ` (
			id INTEGER PRIMARY KEY, at INTEGER NOT NULL, mac TEXT NOT NULL, device TEXT NOT NULL, person TEXT NOT NULL, addr TEXT NOT NULL,
			rname TEXT NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, category TEXT NOT NULL, rule TEXT NOT NULL) STRICT`,
		`CREATE INDEX ` + t + `_at ON ` + t + ` (at)`,
		`CREATE INDEX ` + t + `_mac ON ` + t + ` (mac, at)`,
		`CREATE INDEX ` + t + `_person ON ` + t + ` (person COLLATE NOCASE, at)`,
		`CREATE INDEX ` + t + `_name ON ` + t + ` (rname, at)`,
		`CREATE INDEX ` + t + `_blocked ON ` + t + ` (at) WHERE action <> 'allow'`,
	} {
		if _, err := f.exec(s); err != nil {
			return err
		}
	}
	return nil
}

// reversed turns the labels of a name round; twice is the name again.
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(name), "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}
