package lists

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	stateFile  = "lists.json"
	lockFile   = "lock"
	sourcesDir = "sources" // contents: the last good ones and those that wait
	workDir    = "work"    // what is being written; emptied at the start

	databasePrefix = "categories-"
	databaseSuffix = ".db"
)

// state is what lists.json holds.
type state struct {
	Wish     Wish               `json:"wish"`
	Uploads  []Upload           `json:"uploads,omitempty"`
	Lists    map[string]*record `json:"lists"`
	Database Database           `json:"database"`
	// Nightly is when the last nightly round began.
	Nightly time.Time `json:"nightly,omitzero"`
	// Problem is why the last compilation failed; "" when it did not.
	Problem string `json:"problem,omitempty"`
}

// record is what is known of one list.
type record struct {
	Since    time.Time  `json:"since"`            // when the box first wanted it
	Tried    time.Time  `json:"tried,omitzero"`   // when it was last looked for
	Checked  time.Time  `json:"checked,omitzero"` // when it was last known to be the newest
	Retry    time.Time  `json:"retry,omitzero"`   // when to look again after a failure
	Failures int        `json:"failures,omitempty"`
	Problem  string     `json:"problem,omitempty"` // why the last try gave nothing; "" when it did
	Seen     validators `json:"seen,omitzero"`     // of what arrived last, taken in or waiting
	Refused  string     `json:"refused,omitempty"` // digest of content a person rejected

	// Lost is set while the good content is gone from the storage: the database
	// that was compiled from it is better than one without it.
	Lost bool `json:"lost,omitempty"`

	Good    *edition `json:"good,omitempty"`
	Waiting *edition `json:"waiting,omitempty"`
}

// edition is one content of a list.
type edition struct {
	File    string    `json:"file"` // relative to the directory of the lists
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Arrived time.Time `json:"arrived"`
	Names   int       `json:"names"`
	Skipped []Skip    `json:"skipped,omitempty"`
	Why     string    `json:"why,omitempty"` // the sentence it waits with
	By      string    `json:"by,omitempty"`  // who uploaded or accepted it
}

// Database is a compiled database.
type Database struct {
	ID    string    `json:"id,omitempty"`
	File  string    `json:"file,omitempty"`
	Names int       `json:"names,omitempty"`
	Bytes int64     `json:"bytes,omitempty"`
	Built time.Time `json:"built,omitzero"`
	Took  string    `json:"took,omitempty"`
	// NeverBlock is what the lists would have blocked and must not.
	NeverBlock []Skip `json:"never_block,omitempty"`
}

// clone is a copy that shares no pointer with s.
func (s *state) clone() *state {
	c := *s
	c.Lists = make(map[string]*record, len(s.Lists))
	for id, r := range s.Lists {
		d := *r
		c.Lists[id] = &d
	}
	return &c
}

// of is the record of a list, made when there is none.
func (s *state) of(id string, now time.Time) *record {
	r := s.Lists[id]
	if r == nil {
		r = &record{Since: now}
		s.Lists[id] = r
	}
	return r
}

// files are the files the state refers to.
func (s *state) files() map[string]bool {
	out := map[string]bool{s.Database.File: true}
	for _, r := range s.Lists {
		for _, e := range []*edition{r.Good, r.Waiting} {
			if e != nil {
				out[e.File] = true
			}
		}
	}
	return out
}

// readState reads lists.json; the alarm is set when what was there could not be used.
func readState(dir string) (s *state, alarm string, err error) {
	s = &state{Lists: map[string]*record{}}
	name := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return s, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading what is known of the lists: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	got := &state{}
	if err := dec.Decode(got); err != nil {
		return s, "The box’s notes about the category lists were damaged. It begins anew with the lists it knows; lists of the school’s own must be uploaded again.", nil
	}
	if got.Lists == nil {
		got.Lists = map[string]*record{}
	}
	for id, r := range got.Lists {
		if r == nil {
			delete(got.Lists, id)
		}
	}
	return got, "", nil
}

func (s *state) write(dir string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("writing what is known of the lists: %w", err)
	}
	if err := replace(filepath.Join(dir, stateFile), append(b, '\n')); err != nil {
		return fmt.Errorf("writing what is known of the lists: %w", noRoom(err))
	}
	return nil
}
