package lists

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"
)

// press turns contents into a database; dns/category is one.
type press interface {
	// count reads a content as far as it must to say how many names it has.
	count(ctx context.Context, path string, s Source) (tally, error)
	// compile writes one database of all inputs, reading one at a time. What else
	// it writes lies beside out.
	compile(ctx context.Context, out string, in []input) (pressed, error)
	// version changes when the same inputs would give another database.
	version() string
}

// tally is what is in a content.
type tally struct {
	Names   int
	Skipped []Skip
}

// pressed is what went into a database.
type pressed struct {
	Names      int
	NeverBlock []Skip // names of the lists that are never blocked
}

// input is one list that goes into the database.
type input struct {
	Source
	Path  string
	Names int
}

// bytesPerName is what a compilation takes of the storage, for a while: 20 for
// sorting and 8 for the database.
const bytesPerName = 28

// compileAgain is when to try again after a failure: the storage may have room by then.
const compileAgain = time.Hour

// compile makes the database of what is good now, unless there is one.
func (l *Library) compile(ctx context.Context) error {
	l.work.Lock()
	defer l.work.Unlock()
	in, id, lost := l.inputs()
	l.mu.Lock()
	same := l.s.Database.ID == id || lost && l.s.Database.File != ""
	tooSoon := l.failed == id && l.o.Now().Before(l.again)
	l.mu.Unlock()
	if same || tooSoon {
		return nil
	}
	if id == "" {
		return l.publish(Database{})
	}
	began := l.o.Now()
	l.report(Working{Source: "all lists", Doing: "Compiling"})
	defer l.report(Working{})
	db, err := l.write(ctx, id, in)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		l.mu.Lock()
		l.failed, l.again = id, l.o.Now().Add(compileAgain)
		l.mu.Unlock()
		return errors.Join(err, l.change(func(s *state) error {
			s.Problem = "The category lists could not be compiled, so the filter keeps to the ones before. " + Sentence(err)
			return nil
		}))
	}
	db.Built = l.o.Now()
	db.Took = l.o.Now().Sub(began).Round(time.Millisecond).String()
	l.log.Info("the category lists are compiled", "id", db.ID, "lists", len(in), "names", db.Names, "bytes", db.Bytes, "took", db.Took)
	return l.publish(db)
}

// inputs are the lists in use that have a good content, and the ID of the
// database they give; "" when there are none. One of them may be lost.
func (l *Library) inputs() (in []input, id string, lost bool) {
	parts := []string{l.press.version()}
	for _, s := range l.wished() {
		r := l.record(s.ID)
		lost = lost || r.Lost && !s.uploaded()
		if r.Good == nil {
			continue
		}
		in = append(in, input{Source: s, Path: l.path(r.Good.File), Names: r.Good.Names})
		parts = append(parts, s.ID, r.Good.SHA256, string(s.Format), string(s.Category))
		for _, dir := range slices.Sorted(maps.Keys(s.Map)) {
			parts = append(parts, dir, string(s.Map[dir]))
		}
	}
	if len(in) == 0 {
		return nil, "", lost
	}
	return in, digest(parts...), lost
}

// write compiles to a file of its own and gives it its name when it is whole.
func (l *Library) write(ctx context.Context, id string, in []input) (Database, error) {
	db := Database{ID: id, File: databasePrefix + id + databaseSuffix}
	var want int64
	for _, i := range in {
		want += bytesPerName * int64(i.Names)
	}
	if err := room(l.o.Dir, want); err != nil {
		return db, err
	}
	part := l.path(filepath.Join(workDir, db.File))
	defer func() { _ = os.Remove(part) }()
	// Reading some hundred megabytes leaves garbage behind, on a box that has one
	// gigabyte: it goes back at once.
	defer debug.FreeOSMemory()
	p, err := l.press.compile(ctx, part, in)
	if err != nil {
		return db, err
	}
	db.Names, db.NeverBlock = p.Names, p.NeverBlock
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return db, fmt.Errorf("finishing the database: %w", err)
	}
	st, err := f.Stat()
	if err == nil {
		db.Bytes = st.Size()
		err = f.Chmod(0o644) // dnsd, which is nobody, opens it
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, l.path(db.File))
	}
	if err == nil {
		err = syncDir(l.o.Dir)
	}
	if err != nil {
		return db, fmt.Errorf("finishing the database: %w", noRoom(err))
	}
	return db, nil
}

// publish makes db the database in use.
func (l *Library) publish(db Database) error {
	err := l.change(func(s *state) error {
		s.Database, s.Problem = db, ""
		return nil
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.failed = ""
	l.stale = slices.DeleteFunc(l.stale, func(x stale) bool { return x.file == db.File })
	l.mu.Unlock()
	wake(l.changed)
	return nil
}

// tidy removes databases that were replaced a while ago, and says when there is
// the next one to remove.
func (l *Library) tidy(now time.Time) (next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stale = slices.DeleteFunc(l.stale, func(x stale) bool {
		if at := x.from.Add(linger); now.Before(at) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
			return false
		}
		if err := remove(l.path(x.file)); err != nil {
			l.log.Warn("an old database stays in the storage until the next start", "file", x.file, "err", err)
		}
		return true
	})
	return next
}
