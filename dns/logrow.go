package dns

import (
	"sync"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

// logAllowed rows a second go to the query log, and as many at once. A school makes a
// hundred; only a flood makes more, and writing it down at 5 microseconds a row would
// cost more than answering it. Rows that are left out are counted, and the log says so.
const logAllowed = 5000

// logLimit holds the rows that may still be written.
type logLimit struct {
	mu     sync.Mutex
	bucket bucket
}

func (l *logLimit) take(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket.take(now, logAllowed)
}

// mayLog reports whether a row may be written; one that may not is counted.
func (s *Server) mayLog(now time.Time) bool {
	if s.logLimit.take(now) {
		return true
	}
	s.opt.Lost()
	return false
}

// log writes a row that mayLog let through. Which list the name stands in is looked for
// only here: it takes longer than the verdict.
func (s *Server) log(row edge.Query, judged string) {
	if row.Category != "" {
		row.List = s.listOf(judged, identity.Category(row.Category))
	}
	s.opt.Log(row)
}
