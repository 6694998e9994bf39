package dns

import (
	"net/netip"
	"sync"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

// logAllowed rows a second go to the query log, and as many at once. A school makes a
// hundred; only a flood makes more, and writing it down at 5 microseconds a row would
// cost more than answering it. Rows that are left out are counted, and the log says so.
//
// The last of them are kept for those who are online and ask as people do: nobody makes
// a flood to leave no trace of what another device asked meanwhile.
const (
	logAllowed = 5000
	logKept    = 1500
	logModest  = 100 // rows a second
)

// logLimit holds the rows that may still be written.
type logLimit struct {
	mu     sync.Mutex
	bucket bucket
	began  time.Time    // of the second in which rows are counted
	rows   [1024]uint16 // of each client, found by the end of its address
}

// take takes a row of a client; member is one that is online.
func (l *logLimit) take(a netip.Addr, member bool, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.began); d >= time.Second || d < 0 {
		l.began = now
		clear(l.rows[:])
	}
	b := a.As16()
	mine := &l.rows[(int(b[14])<<8|int(b[15]))%len(l.rows)]
	if (!member || *mine >= logModest) && l.bucket.has(now, logAllowed) < logKept+1 || !l.bucket.take(now, logAllowed) {
		return false
	}
	*mine++ // never more than a second's rows, twice
	return true
}

// mayLog reports whether a row of a client may be written; one that may not is counted.
func (s *Server) mayLog(a netip.Addr, member bool, now time.Time) bool {
	if s.logLimit.take(a, member, now) {
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
