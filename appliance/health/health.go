// Package health keeps what is wrong with the box right now, as sentences for
// people. A problem is a value that clears itself: whoever reported it reports
// again when it is gone. Safe for any number of goroutines.
package health

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Problem is one thing that is wrong.
type Problem struct {
	Key      string    // stable name: "dhcp.pool.school"
	Sentence string    // what is wrong and what to do
	Since    time.Time // when it began
}

// Board holds the present problems. The zero value is a healthy board.
type Board struct {
	mu       sync.Mutex
	problems map[string]Problem
	onChange func(p Problem, gone bool)
}

// OnChange has f called after every problem that begins, changes or ends. Set it before use.
func (b *Board) OnChange(f func(p Problem, gone bool)) { b.onChange = f }

// Report says how key is doing at now: ill with a sentence, or well with "". It
// tells whether that is news.
func (b *Board) Report(key, sentence string, now time.Time) bool {
	b.mu.Lock()
	old, had := b.problems[key]
	if had == (sentence != "") && old.Sentence == sentence {
		b.mu.Unlock()
		return false
	}
	p := Problem{Key: key, Sentence: sentence, Since: now}
	if had {
		p.Since = old.Since
	}
	if sentence == "" {
		p = old
		delete(b.problems, key)
	} else {
		if b.problems == nil {
			b.problems = make(map[string]Problem)
		}
		b.problems[key] = p
	}
	f := b.onChange
	b.mu.Unlock()
	if f != nil {
		f(p, sentence == "")
	}
	return true
}

// Sync replaces every problem whose key begins with prefix by the given ones
// (key without prefix → sentence).
func (b *Board) Sync(prefix string, problems map[string]string, now time.Time) {
	for _, p := range b.List() {
		if rest, ok := strings.CutPrefix(p.Key, prefix); ok {
			if _, still := problems[rest]; !still {
				b.Report(p.Key, "", now)
			}
		}
	}
	for k, s := range problems {
		b.Report(prefix+k, s, now)
	}
}

// List returns the present problems, oldest first.
func (b *Board) List() []Problem {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Problem, 0, len(b.problems))
	for _, p := range b.problems {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, c Problem) int {
		if n := a.Since.Compare(c.Since); n != 0 {
			return n
		}
		return strings.Compare(a.Key, c.Key)
	})
	return out
}
