package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
)

// file is one open SQLite file: one connection that writes and a few that only
// read. The caller sees to it that there is one writer at a time.
type file struct {
	path string
	wdb  *sql.DB
	conn *sql.Conn // the writer
	r    *sql.DB

	ws map[string]*sql.Stmt // writer's statements by their text

	mu sync.Mutex
	rs map[string]*sql.Stmt // readers' statements by their text
}

// dsn carries every pragma, so that a connection is never without them.
//
//	journal_mode(WAL)    readers never wait for the writer, a commit is one fsync
//	synchronous          FULL: durable when COMMIT returns; NORMAL: the last
//	                     second may be lost with the power, nothing is torn
//	busy_timeout         a tool that looks at the file holds us up, not off
//	trusted_schema(0)    a doctored file cannot make us run its functions
//	temp_store(MEMORY)   the root file system is read-only
//	secure_delete        what is deleted is overwritten: people have a right to it
//	journal_size_limit   a log that grew during a long read shrinks again
func dsn(path, synchronous string, readOnly bool) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(" + synchronous + ")",
		"foreign_keys(1)", "trusted_schema(0)", "temp_store(MEMORY)", "secure_delete(1)", "journal_size_limit(4194304)",
	}}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// openFile opens path as it is, creating it when it is missing.
func openFile(path, synchronous string) (_ *file, err error) {
	f := &file{path: path, ws: make(map[string]*sql.Stmt), rs: make(map[string]*sql.Stmt)}
	defer func() {
		if err != nil {
			_ = f.close()
		}
	}()
	if f.wdb, err = sql.Open("sqlite", dsn(path, synchronous, false)); err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	f.wdb.SetMaxOpenConns(1)
	if f.conn, err = f.wdb.Conn(context.Background()); err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	if f.r, err = sql.Open("sqlite", dsn(path, synchronous, true)); err != nil {
		return nil, fmt.Errorf("opening %s for reading: %w", filepath.Base(path), err)
	}
	f.r.SetMaxOpenConns(4)
	f.r.SetMaxIdleConns(4)
	return f, nil
}

func (f *file) close() error {
	var errs []error
	f.mu.Lock()
	for _, s := range f.rs {
		errs = append(errs, s.Close())
	}
	f.mu.Unlock()
	if f.r != nil {
		errs = append(errs, f.r.Close())
	}
	for _, s := range f.ws {
		errs = append(errs, s.Close())
	}
	if f.conn != nil {
		errs = append(errs, f.conn.Close())
	}
	if f.wdb != nil {
		errs = append(errs, f.wdb.Close())
	}
	return errors.Join(errs...)
}

// transact runs do between BEGIN IMMEDIATE and COMMIT on the writer.
func (f *file) transact(do func() error) error {
	ctx := context.Background()
	if _, err := f.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		// A commit that failed half-way can leave its transaction open.
		if _, rerr := f.conn.ExecContext(ctx, "ROLLBACK"); rerr != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
		if _, err := f.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
	}
	if err := do(); err != nil {
		// After a full disk SQLite has rolled back by itself, so this may fail.
		_, _ = f.conn.ExecContext(ctx, "ROLLBACK")
		return err
	}
	if _, err := f.conn.ExecContext(ctx, "COMMIT"); err != nil {
		_, _ = f.conn.ExecContext(ctx, "ROLLBACK")
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// prepared is query on the writer's connection.
func (f *file) prepared(query string) (*sql.Stmt, error) {
	if s := f.ws[query]; s != nil {
		return s, nil
	}
	s, err := f.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	f.ws[query] = s
	return s, nil
}

// exec runs a statement on the writer.
func (f *file) exec(query string, args ...any) (sql.Result, error) {
	s, err := f.prepared(query)
	if err != nil {
		return nil, err
	}
	return s.Exec(args...)
}

// row runs a query of one row on the writer.
func (f *file) row(query string, args ...any) scanner {
	s, err := f.prepared(query)
	if err != nil {
		return failedRow{err}
	}
	return s.QueryRow(args...)
}

// all runs a query on the writer and hands scan each row.
func (f *file) all(scan func(scanner) error, query string, args ...any) error {
	s, err := f.prepared(query)
	if err != nil {
		return err
	}
	return eachRow(s, scan, args...)
}

// scanner is one row.
type scanner interface{ Scan(dest ...any) error }

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// reading is query prepared for the readers.
func (f *file) reading(query string) (*sql.Stmt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.rs[query]; s != nil {
		return s, nil
	}
	s, err := f.r.Prepare(query)
	if err != nil {
		return nil, err
	}
	f.rs[query] = s
	return s, nil
}

// readRow runs a query of one row on a reader.
func (f *file) readRow(query string, args ...any) scanner {
	s, err := f.reading(query)
	if err != nil {
		return failedRow{err}
	}
	return s.QueryRow(args...)
}

// each runs a query on a reader and hands scan each row.
func (f *file) each(scan func(scanner) error, query string, args ...any) error {
	s, err := f.reading(query)
	if err != nil {
		return err
	}
	return eachRow(s, scan, args...)
}

func eachRow(s *sql.Stmt, scan func(scanner) error, args ...any) error {
	rows, err := s.Query(args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list reads all rows of a query on a reader.
func list[T any](f *file, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	var out []T
	err := f.each(func(s scanner) error {
		v, err := scan(s)
		if err == nil {
			out = append(out, v)
		}
		return err
	}, query, args...)
	return out, err
}

// one reads the row of a query on a reader; ok is false when there is none.
func one[T any](f *file, scan func(scanner) (T, error), query string, args ...any) (v T, ok bool, err error) {
	v, err = scan(f.readRow(query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		var none T
		return none, false, nil
	}
	return v, err == nil, err
}
