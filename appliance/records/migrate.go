package records

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
)

//go:embed migration
var migrationFiles embed.FS

// schemas are the migrations of both files, oldest first. A file's schema
// version is how many of them it has been through.
//
// A new version of the box is on trial while it writes, and may be taken back:
// then the version before it opens the same file again, and must find every
// signature made meanwhile. So a migration says in a line of its own which
// schema the oldest program knows that can still read and write the file after
// it:
//
//	-- OLDEST: 2
//
// Without the line only a program that knows the migration can. What is added
// (a table, an index, a column with a default) leaves the older program its
// work. What is taken away or changes its meaning takes two versions: the first
// stops using it, the second removes it.
//
// Both numbers stand in the file's user_version: the schema in the lower 16
// bits, the oldest in the upper (0: as the schema).
type schemas struct {
	records, queries []string
}

func migrations() schemas {
	return schemas{records: readMigrations(migrationFiles, "migration/records"), queries: readMigrations(migrationFiles, "migration/queries")}
}

// readMigrations reads the files of a directory in the order of their names.
// They are compiled in: one that cannot be read is a fault of the build.
func readMigrations(files fs.FS, dir string) (out []string) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		panic(fmt.Sprintf("records: embedded migrations: %v", err))
	}
	for _, e := range entries {
		b, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			panic(fmt.Sprintf("records: embedded migration: %v", err))
		}
		out = append(out, string(b))
	}
	return out
}

var errNewer = errors.New("written by a newer version of this program")

// migrate brings f to the newest schema, each step in one transaction. With
// keep, a copy of a file that is in use stays beside it before the first step: an
// update that is taken back finds its own records there.
func (f *file) migrate(steps []string, keep bool) error {
	var have int
	if err := f.row(`PRAGMA user_version`).Scan(&have); err != nil {
		return fmt.Errorf("reading the schema version: %w", err)
	}
	have, oldest := schemaOf(have)
	if have > len(steps) && worksWith(oldest, len(steps)) {
		return nil // a newer version's, which left us our work
	}
	if have > len(steps) {
		return fmt.Errorf("schema %d, this program knows %d: %w", have, len(steps), errNewer)
	}
	if keep && have > 0 && have < len(steps) {
		if err := f.copyTo(versionCopy(f.path, have)); err != nil {
			return fmt.Errorf("copying before a migration: %w", err)
		}
	}
	for v := have; v < len(steps); v++ {
		err := f.transact(func() error {
			ctx := context.Background()
			if _, err := f.conn.ExecContext(ctx, steps[v]); err != nil {
				return err
			}
			oldest = max(oldest, oldestOf(steps[v], v+1))
			_, err := f.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, oldest<<schemaBits|(v+1)))
			return err
		})
		if err != nil {
			return fmt.Errorf("migrating %s to schema %d: %w", path.Base(f.path), v+1, err)
		}
	}
	return nil
}

const (
	schemaBits = 16
	schemaMask = 1<<schemaBits - 1
)

// schemaOf takes a file's user_version apart: its schema, and the schema of the
// oldest program that can work with it (0 when nobody said).
func schemaOf(version int) (have, oldest int) { return version & schemaMask, version >> schemaBits }

// worksWith tells whether a program of schema own can work with a newer file.
func worksWith(oldest, own int) bool { return oldest > 0 && oldest <= own }

var oldestLine = regexp.MustCompile(`(?m)^-- OLDEST: ([0-9]{1,4})$`)

// oldestOf is the schema of the oldest program that can work with a file after
// a migration, which is its own unless it says otherwise.
func oldestOf(step string, own int) int {
	if m := oldestLine.FindStringSubmatch(step); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 {
			return min(n, own)
		}
	}
	return own
}

// versionCopy is where the copy from before a migration stands.
func versionCopy(file string, version int) string { return fmt.Sprintf("%s.schema-%d", file, version) }

// copyTo writes a whole copy of the database to another file, replacing it.
func (f *file) copyTo(dst string) error {
	tmp := dst + ".new"
	if err := removeAll(tmp); err != nil {
		return err
	}
	if _, err := f.conn.ExecContext(context.Background(), `VACUUM INTO ?`, tmp); err != nil {
		return errors.Join(err, removeAll(tmp))
	}
	if err := syncFile(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, dst)
}

// removeAll removes a database file and what SQLite keeps beside it.
func removeAll(file string) error {
	var errs []error
	for _, suffix := range companions {
		if err := os.Remove(file + suffix); err != nil && !isMissing(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// companions are the files of one database, the database first.
var companions = []string{"", "-wal", "-shm", "-journal"}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
