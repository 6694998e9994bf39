package main

import (
	"context"
	"sync"
	"time"

	"stairgate/appliance/records"
)

// How rows of the query log are collected: a school at work asks for some twenty
// names a second, and a storage card writes, and wears by, whole pages. Stored
// every quarter of a second, as dnsd sends them, a row would cost 2,700 octets of
// writing; every five seconds it costs some 400.
const (
	logPause = 5 * time.Second
	logMany  = 2000   // rows that are stored without waiting
	logMost  = 50_000 // rows that wait at most while the card is slow
)

// logbook collects rows of the query log and stores them together. What it holds
// is lost with the power, as is the last second of the log itself. Safe for any
// number of goroutines.
type logbook struct {
	store func([]records.Query)
	many  chan struct{}

	writing sync.Mutex // held while rows are stored, so that they stay in order

	mu    sync.Mutex
	rows  []records.Query
	ended bool // nobody will come for them: store at once
}

func newLogbook(store func([]records.Query)) *logbook {
	return &logbook{store: store, many: make(chan struct{}, 1)}
}

// Add takes rows. It waits only when the card has fallen far behind: then dnsd's
// queue fills, and its drops are counted.
func (l *logbook) Add(rows []records.Query) {
	l.mu.Lock()
	l.rows = append(l.rows, rows...)
	n, ended := len(l.rows), l.ended
	l.mu.Unlock()
	switch {
	case ended, n >= logMost:
		l.Flush()
	case n >= logMany:
		select {
		case l.many <- struct{}{}:
		default:
		}
	}
}

// Flush stores what is held, and returns when it, and all that came before it, is
// in the log.
func (l *logbook) Flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	rows := l.rows
	l.rows = nil
	l.mu.Unlock()
	if len(rows) > 0 {
		l.store(rows)
	}
}

// Run stores rows until ctx ends, then what is left.
func (l *logbook) Run(ctx context.Context) error {
	t := time.NewTicker(logPause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			l.mu.Lock()
			l.ended = true
			l.mu.Unlock()
			l.Flush()
			return nil
		case <-t.C:
		case <-l.many:
		}
		l.Flush()
	}
}

// store puts rows into the log; rows that cannot be stored are lost, and counted.
func (b *box) store(rows []records.Query) {
	err := b.records.LogQueries(rows)
	if err != nil {
		b.metrics.Dropped(uint64(len(rows)))
	}
	b.ill("queries.write", err, "The query log cannot be written. Filtering and sign-in go on without it.")
}
