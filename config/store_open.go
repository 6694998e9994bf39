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

// OpenStore opens the store in dir, making the directory if need be, and puts
// the current configuration in force. It always has one: where current.json
// cannot be used, the newest of the history that can, else the factory's.
// alarms are sentences for people about what was not as it should be. The error
// is only of a directory that cannot be had at all.
//
// A current.json that cannot be used stays where it is until another
// configuration is kept, and is then moved to unreadable/: the program of the
// other update slot may be the one that can read it.
func OpenStore(dir string, now func() time.Time) (s *Store, alarms []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("opening the configuration store: %w", err)
	}
	s = &Store{dir: dir, now: now, changed: make(chan struct{})}
	note := func(sentence string) {
		if sentence != "" {
			alarms = append(alarms, sentence)
		}
	}
	note(s.clearUnfinished())
	note(s.loadCurrent())
	note(s.dropInterrupted())
	note(s.completeHistory())
	return s, alarms, nil
}

// clearUnfinished removes files whose writing a power cut ended.
func (s *Store) clearUnfinished() string {
	for _, dir := range []string{s.dir, s.path(historyDir)} {
		names, err := filepath.Glob(filepath.Join(dir, "*"+newSuffix+"*"))
		for _, name := range names {
			err = errors.Join(err, os.Remove(name))
		}
		if err != nil {
			return fmt.Sprintf("Half-written files of the configuration could not be removed: %v. Check the disk.", err)
		}
	}
	return ""
}

// loadCurrent finds the configuration to run on.
func (s *Store) loadCurrent() (alarm string) {
	text, err := os.ReadFile(s.path(currentFile))
	if err == nil {
		s.current, err = parseVersion(text)
		if err == nil {
			return ""
		}
	}
	absent := errors.Is(err, fs.ErrNotExist)
	s.unusable = !absent
	why := "is missing"
	if !absent {
		why = "cannot be used: " + brief(err)
	}
	entries, listErr := s.history().list()
	for _, e := range entries { // the newest first
		text, err := os.ReadFile(e.file)
		if err != nil {
			continue
		}
		if s.current, err = parseVersion(text); err == nil {
			return fmt.Sprintf("The configuration %s. The box runs on the one that was kept on %s instead. Nothing was deleted: look at it on the admin page, mend what is wrong and keep it.", why, day(e.Time))
		}
	}
	text = factoryText
	s.current = version{Factory(), text, etag(text)}
	if absent && len(entries) == 0 && listErr == nil {
		return "" // a new box
	}
	return fmt.Sprintf("The configuration %s, and none that was kept before can be used either. The box runs on its factory settings. Nothing was deleted: load a saved configuration on the admin page and keep it.", why)
}

// dropInterrupted takes back a trial that a crash or a power cut interrupted.
func (s *Store) dropInterrupted() (alarm string) {
	text, err := os.ReadFile(s.path(candidateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && etag(text) == s.current.etag:
		// No trial, or one that was kept in the moment the power went.
		err = s.removeTrial()
	default:
		var n trialNote
		until := ""
		if b, err := os.ReadFile(s.path(trialFile)); err == nil && json.Unmarshal(b, &n) == nil {
			until = ", on trial until " + n.Until.Format("15:04") + ","
		}
		alarm = fmt.Sprintf("A change of the configuration%s was interrupted by a restart of the box before anybody kept it, and has been taken back. It is not lost: try it again from the admin page.", until)
		err = s.dropTrial()
	}
	if err != nil {
		return fmt.Sprintf("An interrupted change of the configuration could not be cleared from the disk: %v. It is not in force; check the disk.", err)
	}
	return alarm
}

// completeHistory enters a current.json that the history does not have: the
// power went in between, or somebody copied a file there by hand.
func (s *Store) completeHistory() (alarm string) {
	if _, err := os.Lstat(s.path(currentFile)); err != nil || s.unusable {
		return ""
	}
	entries, err := s.history().list()
	if err == nil && (len(entries) == 0 || !entries[0].holds(s.current.etag)) {
		_, err = s.history().add(s.current, s.now())
	}
	if err == nil {
		err = s.history().prune()
	}
	if err != nil {
		return fmt.Sprintf("The history of the configuration cannot be written: %v. Check the disk; the configuration itself is in force.", err)
	}
	return ""
}

// brief is the first problem of an error, and how many more there are.
func brief(err error) string {
	if problems, ok := errors.AsType[Problems](err); ok {
		if n := len(problems) - 1; n > 0 {
			return fmt.Sprintf("%s (and %d more)", trimStop(problems[0].Error()), n)
		}
		return trimStop(problems[0].Error())
	}
	return err.Error()
}

// trimStop drops a final full stop, because another follows.
func trimStop(s string) string {
	if n := len(s); n > 0 && s[n-1] == '.' {
		return s[:n-1]
	}
	return s
}

// day writes a moment for people.
func day(t time.Time) string { return t.Format("2 January 2006 at 15:04 MST") }

// Reverted is the last candidate that was not kept, so that nobody has to type
// it again; ok is false when there is none.
func (s *Store) Reverted() (text []byte, ok bool) {
	text, err := os.ReadFile(s.path(revertedFile))
	return text, err == nil
}
