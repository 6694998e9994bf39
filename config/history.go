package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxHistory is how many configurations are kept: some years of a school.
const maxHistory = 50

// stamp is how a history file's name tells the time, in UTC.
const stamp = "20060102T150405Z"

// Entry is a configuration that was confirmed.
type Entry struct {
	Number int       // 1 was the first ever
	Time   time.Time // when it was confirmed, by the clock of the box
	ETag   string
	Text   []byte   // as it was written: Try it to go back
	Diff   []string // what it changed; empty when that cannot be told any more
}

// History is what was confirmed, the newest first. The first is the current
// configuration, unless the box still runs on the factory's.
func (s *Store) History() ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := s.history().list()
	if err != nil {
		return nil, fmt.Errorf("reading the history of the configuration: %w", err)
	}
	entries := make([]Entry, 0, len(files))
	before := Factory() // what a new box runs on
	known := len(files) > 0 && files[len(files)-1].Number == 1
	for _, f := range slices.Backward(files) {
		e := Entry{Number: f.Number, Time: f.Time, ETag: f.etag}
		text, err := os.ReadFile(f.file)
		if err != nil {
			e.Diff = []string{fmt.Sprintf("This configuration cannot be read any more: %v.", err)}
			known = false
			entries = append(entries, e)
			continue
		}
		e.Text, e.ETag = text, etag(text)
		c, err := Parse(text)
		switch {
		case err != nil:
			e.Diff = []string{fmt.Sprintf("This configuration cannot be used any more: %s.", trimStop(brief(err)))}
		case known:
			e.Diff = Diff(before, c)
		}
		before, known = c, err == nil
		entries = append(entries, e)
	}
	slices.Reverse(entries)
	return entries, nil
}

// history is the directory of confirmed configurations, one file each. A file's
// name begins with a number that counts up, because a box without a battery
// clock may date a later one earlier.
type history struct{ dir string }

// historyFile is one file, known by its name alone.
type historyFile struct {
	Number int
	Time   time.Time
	etag   string // as much of it as the name holds
	file   string
}

// holds reports whether the file is the configuration with this etag.
func (f historyFile) holds(etag string) bool { return strings.HasPrefix(etag, f.etag) }

// list finds the files, the newest first. Files of other names are not ours.
func (h history) list() ([]historyFile, error) {
	dir, err := os.ReadDir(h.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var files []historyFile
	for _, d := range dir {
		f := historyFile{file: filepath.Join(h.dir, d.Name())}
		var when string
		name, ok := strings.CutSuffix(d.Name(), ".json")
		if !ok {
			continue
		}
		if n, err := fmt.Sscanf(strings.ReplaceAll(name, "-", " "), "%d %s %s", &f.Number, &when, &f.etag); n != 3 || err != nil {
			continue
		}
		if f.Time, err = time.Parse(stamp, when); err != nil {
			continue
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b historyFile) int { return b.Number - a.Number })
	return files, nil
}

// add writes v as the newest entry and returns its file.
func (h history) add(v version, now time.Time) (file string, err error) {
	files, err := h.list()
	if err != nil {
		return "", err
	}
	number := 1
	if len(files) > 0 {
		number = files[0].Number + 1
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return "", err
	}
	file = filepath.Join(h.dir, fmt.Sprintf("%06d-%s-%s.json", number, now.UTC().Format(stamp), v.etag[:16]))
	return file, replace(file, v.text)
}

// prune removes the oldest entries beyond maxHistory.
func (h history) prune() error {
	files, err := h.list()
	if err != nil {
		return err
	}
	for i, f := range files {
		if i >= maxHistory {
			err = errors.Join(err, os.Remove(f.file))
		}
	}
	return err
}
