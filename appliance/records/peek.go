package records

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"stairgate/config/identity"
)

// PeekUnblocks lists the openings that run at that time, without opening the records:
// it takes no lock and changes nothing, so it may be asked of a running box's records
// and of a copy. Without records there are none.
func PeekUnblocks(dir string, at time.Time) (_ []identity.Unblock, err error) {
	path := filepath.Join(dir, "records.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "trusted_schema(0)", "query_only(1)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("opening the records: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var version int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	have, oldest := schemaOf(version)
	if want := len(migrations().records); have < want || have > want && !worksWith(oldest, want) {
		return nil, fmt.Errorf("the records are of schema %d and this program reads %d: use the program that wrote them", have, want)
	}
	rows, err := db.Query(unblockColumns+runningUnblocks, micros(at), micros(at.Add(clockSkew)))
	if err != nil {
		return nil, fmt.Errorf("reading the openings: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var out []identity.Unblock
	for rows.Next() {
		u, err := scanUnblock(rows)
		if err != nil {
			return nil, fmt.Errorf("reading the openings: %w", err)
		}
		out = append(out, u.Unblock)
	}
	return out, rows.Err()
}
