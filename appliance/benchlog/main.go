package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/records"
)

// most is how far the admin page counts.
const most = 1_000_000_000

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "benchlog:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	rows := flag.Int("rows", 10_000_000, "rows of the log")
	days := flag.Int("days", 30, "over this many days")
	batch := flag.Int("batch", 500, "rows in a batch")
	dir := flag.String("dir", "", "where the log is made; a file system with a real disk (default: the temporary directory)")
	keep := flag.Bool("keep", false, "leave the log in -dir, and use what is there")
	turns := flag.Int("turns", 5, "how often each question is asked; the median counts")
	least := flag.Duration("require", 0, "fail when a warm question takes longer")
	flag.Parse()
	work := *dir
	if !*keep {
		if work, err = os.MkdirTemp(*dir, "benchlog-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	}
	start := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	if err := fill(work, start, *days, *rows, *batch); err != nil {
		return err
	}
	return ask(work, *turns, *least)
}

func open(dir string) (*records.DB, error) {
	db, alarms, err := records.Open(dir, time.Now)
	if err == nil && len(alarms) > 0 {
		err = errors.Join(fmt.Errorf("the records say %q", alarms), db.Close())
	}
	return db, err
}

// fill makes the log, unless it is there.
func fill(dir string, start time.Time, days, rows, batch int) (err error) {
	db, err := open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if info, err := db.QueryLog(); err != nil || info.Rows >= int64(rows) {
		return err
	}
	s := newSchool(start, days, rows)
	var inside time.Duration
	before := written()
	for left := rows; left > 0; {
		part := make([]records.Query, min(batch, left))
		for i := range part {
			part[i] = s.next()
		}
		left -= len(part)
		began := time.Now()
		if err := db.LogQueries(part); err != nil {
			return err
		}
		inside += time.Since(began)
	}
	wrote := written() - before
	info, err := db.QueryLog()
	if err != nil {
		return err
	}
	fmt.Printf("%d rows in batches of %d: %.0f rows/s, %.1f octets a row in the file, %.1f octets written for each row\n",
		rows, batch, float64(rows)/inside.Seconds(), float64(info.Bytes)/float64(rows), float64(wrote)/float64(rows))
	return nil
}

// written is how many octets this process has given the kernel to write.
func written() int64 {
	f, err := os.Open("/proc/self/io")
	if err != nil {
		return 0
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if v, ok := strings.CutPrefix(in.Text(), "wchar: "); ok {
			n, _ := strconv.ParseInt(v, 10, 64) // a number, says the kernel
			return n
		}
	}
	return 0
}

// ask asks every question, first cold, then warm.
func ask(dir string, turns int, least time.Duration) (err error) {
	db, err := open(dir)
	if err != nil {
		return err
	}
	info, err := db.QueryLog()
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	fmt.Printf("%d rows from %s to %s\n\n| question | rows | cold | page | page and count |\n|---|---|---|---|---|\n",
		info.Rows, info.Oldest.Format(time.DateTime), info.Newest.Format(time.DateTime))
	var slow []string
	for _, q := range questions(info.Newest) {
		var cold, page, both []time.Duration
		n := 0
		for range turns {
			if err := forget(filepath.Join(dir, "queries.db")); err != nil {
				return err
			}
			if db, err = open(dir); err != nil {
				return err
			}
			var c, w, b time.Duration
			if n, c, _, err = once(db, q.f); err == nil {
				_, b, w, err = once(db, q.f)
			}
			if err = errors.Join(err, db.Close()); err != nil {
				return err
			}
			cold, page, both = append(cold, c), append(page, w), append(both, b)
		}
		fmt.Printf("| %s | %d | %s | %s | %s |\n", q.words, n, median(cold), median(page), median(both))
		if least > 0 && median(both) > least {
			slow = append(slow, q.words)
		}
	}
	if len(slow) > 0 {
		return fmt.Errorf("slower than %s: %s", least, strings.Join(slow, ", "))
	}
	return nil
}

// once asks as the admin page does.
func once(db *records.DB, f records.QueryFilter) (n int, both, page time.Duration, err error) {
	began := time.Now()
	if _, err = db.SearchQueries(f); err != nil {
		return 0, 0, 0, err
	}
	page = time.Since(began)
	n, err = db.CountQueries(f, most)
	return n, time.Since(began), page, err
}

// forget takes a file out of the page cache.
func forget(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2].Round(100 * time.Microsecond)
}
