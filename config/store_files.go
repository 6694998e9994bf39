package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The files of a Store.
const (
	currentFile    = "current.json"
	candidateFile  = "candidate.json"
	trialFile      = "trial.json"
	revertedFile   = "reverted.json"
	historyDir     = "history"
	unreadableDir  = "unreadable"
	mostUnreadable = 10
)

// path is the full name of a file of the store.
func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// history is the directory of what was confirmed.
func (s *Store) history() history { return history{s.path(historyDir)} }

// trialNote is what trial.json holds, for whoever looks at the disk and for the
// sentence after a crash.
type trialNote struct {
	Began time.Time `json:"began"`
	Until time.Time `json:"until"`
	ETag  string    `json:"etag"` // SHA-256 of candidate.json
}

// writeTrial puts a trial on the disk. The note comes first, so that a candidate
// never lies there without it.
func (s *Store) writeTrial(t *trial, now time.Time) error {
	note, err := json.MarshalIndent(trialNote{now, t.until, t.etag}, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(s.path(trialFile), append(note, '\n')); err != nil {
		return err
	}
	return replace(s.path(candidateFile), t.text)
}

// dropTrial ends a trial on the disk; the candidate stays as reverted.json.
func (s *Store) dropTrial() error {
	err := os.Rename(s.path(candidateFile), s.path(revertedFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.removeTrial())
}

// removeTrial removes what a trial left on the disk. Nothing left is no reason to
// write: the disk may be one that cannot be written.
func (s *Store) removeTrial() error {
	_, candidate := os.Lstat(s.path(candidateFile))
	_, note := os.Lstat(s.path(trialFile))
	if errors.Is(candidate, fs.ErrNotExist) && errors.Is(note, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(remove(s.path(candidateFile)), remove(s.path(trialFile)), syncDir(s.dir))
}

// setAside moves an unusable current.json out of the way, where it is kept.
func (s *Store) setAside() error {
	dir := s.path(unreadableDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for n := 1; ; n++ {
		name := filepath.Join(dir, fmt.Sprintf("current-%d.json", n))
		_, err := os.Lstat(name)
		if err == nil && n < mostUnreadable {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Rename(s.path(currentFile), name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return syncDir(dir)
	}
}

// replace puts data in the place of a file so that after a power cut there is
// either the old content or the new, whole.
func replace(name string, data []byte) error {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, filepath.Base(name)+newSuffix+"*") // mode 0600
	if err != nil {
		return err
	}
	if err := writeAll(f, data); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}

// newSuffix marks a file that is being written.
const newSuffix = ".new-"

// writeAll writes data durably and closes f.
func writeAll(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// remove removes a file that may be gone already.
func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
