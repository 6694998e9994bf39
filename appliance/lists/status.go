package lists

import (
	"fmt"
	"time"
)

// old is when a list that was not renewed becomes an illness of the box.
const old = 14 * 24 * time.Hour

// Working is what is being done this moment; its zero value is nothing.
type Working struct {
	Source string // name of the list
	Doing  string // "Fetching", "Checking", "Compiling" …
	Bytes  int64
}

// Standing is how one list is doing.
type Standing string

// What a list can be doing.
const (
	Off     Standing = "off"     // not wished
	Absent  Standing = "absent"  // wished, and never had
	Good    Standing = "good"    // in use and up to date
	Aged    Standing = "old"     // in use, and not renewed for 14 days
	Ill     Standing = "ill"     // in use, but the last try gave nothing
	Waiting Standing = "waiting" // a new content waits for a person
)

// ListStatus is one list as people see it.
type ListStatus struct {
	Source
	Standing Standing
	Sentence string // what is the matter; "" when nothing is
	Names    int    // in use
	Bytes    int64
	Arrived  time.Time // when the content in use came
	Checked  time.Time // when it was last known to be the newest
	Tried    time.Time
	Retry    time.Time
	By       string // who uploaded or accepted it
	Skipped  []Skip
	New      int // names of what waits
}

// Skip is how many entries of a list were left out, and why.
type Skip struct {
	Why     string   `json:"why"`
	Entries int      `json:"entries"`
	Such    []string `json:"such,omitempty"` // the first few
}

// Status is everything at a moment.
type Status struct {
	Lists    []ListStatus
	Database Database
	Problem  string // why the last compilation failed
	Next     time.Time
	Working  Working
}

// Status says how every list is doing.
func (l *Library) Status() Status {
	l.mu.Lock()
	s, w := l.s.clone(), l.working
	l.mu.Unlock()
	now := l.o.Now()
	st := s.status(l.sources(s.Wish, s.Uploads), now)
	st.Working = w
	st.Next = nightly(now, l.o.Zone(), l.o.Seed)
	return st
}

// Read says how the lists of a directory are doing, whoever has them open.
func Read(dir string, now time.Time) (Status, error) {
	s, alarm, err := readState(dir)
	if err != nil {
		return Status{}, err
	}
	st := s.status(s.Wish.sources(catalogue(), s.Uploads), now)
	if alarm != "" {
		st.Problem = alarm
	}
	return st, nil
}

func (s *state) status(sources []Source, now time.Time) Status {
	out := Status{Database: s.Database, Problem: s.Problem}
	for _, src := range sources {
		r := s.Lists[src.ID]
		if r == nil {
			r = &record{}
		}
		ls := ListStatus{Source: src, Checked: r.Checked, Tried: r.Tried, Retry: r.Retry, Sentence: r.Problem}
		if r.Good != nil {
			ls.Names, ls.Bytes, ls.Arrived, ls.By = r.Good.Names, r.Good.Size, r.Good.Arrived, r.Good.By
			ls.Skipped = r.Good.Skipped
		}
		switch {
		case !src.On:
			ls.Standing, ls.Sentence = Off, ""
		case r.Waiting != nil:
			ls.Standing, ls.Sentence, ls.New = Waiting, r.Waiting.Why, r.Waiting.Names
		case r.Good == nil:
			ls.Standing = Absent
			if ls.Sentence == "" {
				ls.Sentence = "It has not been fetched yet."
			}
		case r.aged(src, now):
			ls.Standing = Aged
		case r.Problem != "":
			ls.Standing = Ill
		default:
			ls.Standing = Good
		}
		out.Lists = append(out.Lists, ls)
	}
	return out
}

// aged says whether a list that is renewed by itself was not for too long.
func (r *record) aged(s Source, now time.Time) bool {
	if s.uploaded() || r.Since.IsZero() {
		return false
	}
	last := r.Checked
	if last.IsZero() {
		last = r.Since
	}
	return now.Sub(last) > old
}

// Problems are what a person should know of, by a stable key.
func (l *Library) Problems() map[string]string {
	l.mu.Lock()
	s, shut, alarms := l.s.clone(), l.shut, l.alarms
	l.mu.Unlock()
	out := map[string]string{}
	now := l.o.Now()
	if shut != "" {
		out["shut"] = shut
	}
	for i, a := range alarms {
		out[fmt.Sprintf("alarm.%d", i)] = a
	}
	if s.Problem != "" {
		out["compile"] = s.Problem
	}
	var late []string
	for _, src := range l.sources(s.Wish, s.Uploads) {
		r := s.Lists[src.ID]
		if !src.On || r == nil {
			continue
		}
		if r.Waiting != nil {
			out["waiting."+src.ID] = fmt.Sprintf("A new version of the category list “%s” waits for you on the page Lists. %s", src.Name, r.Waiting.Why)
		}
		if r.aged(src, now) {
			late = append(late, src.Name)
		}
	}
	switch n := len(late); {
	case n == 1:
		out["old"] = fmt.Sprintf("The category list “%s” has not been renewed for more than 14 days. The page Lists says why.", late[0])
	case n > 1:
		out["old"] = fmt.Sprintf("%d category lists have not been renewed for more than 14 days. The page Lists says why.", n)
	}
	return out
}

// report says what is being done.
func (l *Library) report(w Working) {
	l.mu.Lock()
	l.working = w
	l.mu.Unlock()
}

// progress reports bytes as they arrive.
func (l *Library) progress(s Source, doing string) func(int64) {
	l.report(Working{Source: s.Name, Doing: doing})
	return func(n int64) { l.report(Working{Source: s.Name, Doing: doing, Bytes: n}) }
}
