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

// log writes a row. Which list the name stands in is looked for only here: it takes
// longer than the verdict.
func (s *Server) log(row edge.Query, judged string) {
	if !s.logLimit.take(row.Time) {
		s.opt.Lost()
		return
	}
	if row.Category != "" {
		row.List = s.listOf(judged, identity.Category(row.Category))
	}
	s.opt.Log(row)
}
