package main

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/category"
	"stairgate/dns/policy"
)

// explainer says what the filter does with a name, and why, from the snapshot in
// force and the same category database that dnsd answers from. Its methods may
// be called from any number of goroutines.
type explainer struct {
	b  *box
	db category.Holder

	mu    sync.Mutex
	snap  *identity.Snapshot
	rules *policy.Rules
	lists identity.ListsInfo
}

// ready compiles what changed since the last question. A database that cannot
// be opened leaves the one before in use, as it does in dnsd.
func (e *explainer) ready() (*identity.Snapshot, *policy.Rules, error) {
	snap, _ := e.b.loop.Snapshot()
	if snap == nil {
		return nil, nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.snap == snap {
		return snap, e.rules, nil
	}
	var err error
	if info := snap.Data().Lists; info != e.lists {
		err = e.open(info)
	}
	e.snap, e.rules = snap, policy.Compile(snap.Data())
	return snap, e.rules, err
}

func (e *explainer) open(info identity.ListsInfo) error {
	if info.Path == "" {
		e.lists = info
		e.db.Swap(nil)
		return nil
	}
	db, err := category.Open(info.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the next snapshot names the next one
	}
	if err != nil {
		return err
	}
	e.lists = info
	e.db.Swap(db)
	return nil
}

// Explain says what happens to name for c at that time; ok is false before the
// first snapshot.
func (e *explainer) Explain(c identity.Client, name string, at time.Time) (x policy.Explanation, ok bool) {
	snap, rules, err := e.ready()
	e.b.ill("lists.explain", err, "The list of sites cannot be read to explain what is blocked. Filtering goes on.")
	if snap == nil {
		return policy.Explanation{}, false
	}
	set := e.db.Lookup(name)
	return rules.Explain(policy.Question{
		Client: c, Name: name, Set: set.CategorySet(), Categories: e.sources(name),
		Essential: set.Essential(), Now: at,
	}), true
}

// Words say what a rule of the query log means.
func (e *explainer) Words(rule string) string {
	_, rules, _ := e.ready() // an unreadable list changes no words
	if rules == nil {
		return rule
	}
	return rules.Words(rule)
}

// sources names the list behind each category of a name.
func (e *explainer) sources(name string) sources {
	s := sources{}
	db := e.db.DB()
	if db == nil {
		return s
	}
	for _, hit := range db.Explain(name) {
		if _, known := s[hit.Category]; !known && hit.Counts {
			s[hit.Category] = hit.Source
		}
	}
	return s
}

// sources is which list put a name in which category; it adds none.
type sources map[identity.Category]string

// Has implements policy.Categories: the set is given apart.
func (sources) Has(identity.Category) bool { return false }

// List implements policy.Sourced. What no list names is the program's own table.
func (s sources) List(c identity.Category) string {
	if name, ok := s[c]; ok {
		return name
	}
	return "built-in"
}
