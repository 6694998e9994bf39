package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// The length a trial may have: shorter, and no browser is back in time; longer,
// and a school that locked itself out waits for hours.
const (
	minWindow = time.Second
	maxWindow = time.Hour
)

// Store keeps the configuration in a directory and changes it in two steps: Try
// puts a candidate in force for a while, Confirm keeps it. What nobody confirms
// in time, because it cut them off, is taken back without anybody's doing: at
// the end of the window, and also when the box or the program starts again.
//
//	current.json    in force; was always once confirmed; absent on a new box
//	candidate.json  on trial
//	trial.json      when the trial began and ends
//	reverted.json   the last candidate that was not kept, so that no work is lost
//	history/        every configuration that was confirmed, the newest 50
//	unreadable/     what stood in current.json but could not be used
//
// Files hold exactly the bytes that were given, remarks included, and are
// replaced, never edited. One process at a time may have a directory open.
type Store struct {
	dir string
	now func() time.Time

	mu        sync.Mutex
	current   version
	candidate *trial
	ran       string        // etag of the last candidate that ran out
	unusable  bool          // current.json is there but not in force
	changed   chan struct{} // closed when what is in force or kept changes
}

// version is a configuration with the bytes it was read from.
type version struct {
	config Config
	text   []byte
	etag   string
}

// trial is a version that is in force until it is kept or time is up.
type trial struct {
	version
	until time.Time
	timer *time.Timer
}

// etag identifies the bytes of a configuration.
func etag(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// parseVersion parses text and keeps it.
func parseVersion(text []byte) (version, error) {
	c, err := Parse(text)
	if err != nil {
		return version{}, err
	}
	return version{c, append([]byte(nil), text...), etag(text)}, nil
}

// Effective is the configuration the box is to run on: the candidate while one
// is on trial, else the current one. To miss no change, call Changed first. It
// must not be changed: copy before you edit.
func (s *Store) Effective() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate != nil {
		return s.candidate.config
	}
	return s.current.config
}

// Current is the configuration that was last confirmed, and its etag, which Try
// wants back.
func (s *Store) Current() (Config, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.config, s.current.etag
}

// Text is the current configuration as it was written, with its remarks.
func (s *Store) Text() (text []byte, etag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]byte(nil), s.current.text...), s.current.etag
}

// Pending is the candidate on trial and when its time is up; ok is false when
// there is none.
func (s *Store) Pending() (candidate Config, until time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate == nil {
		return Config{}, time.Time{}, false
	}
	return s.candidate.config, s.candidate.until, true
}

// Candidate is the candidate on trial as it was written, and its etag, with
// which Confirm keeps this one and no other.
func (s *Store) Candidate() (text []byte, etag string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate == nil {
		return nil, "", false
	}
	return append([]byte(nil), s.candidate.text...), s.candidate.etag, true
}

// Changed is closed when Effective or Current changes; each call gets the
// channel of the next change.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// notify wakes whoever waits. The caller holds mu.
func (s *Store) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Try puts candidate in force for the length of window and says what changes.
// ifMatch is the etag of the current configuration the candidate was made from:
// a change that somebody else confirmed meanwhile is not overwritten. The error
// is a Problems, a Refusal, or a fault of the disk; then nothing has changed.
func (s *Store) Try(candidate []byte, ifMatch string, window time.Duration) (diff []string, err error) {
	v, err := parseVersion(candidate)
	if err != nil {
		return nil, err
	}
	if window < minWindow || window > maxWindow {
		return nil, ErrWindow
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate != nil {
		return nil, &Refusal{ErrOnTrial.code, fmt.Sprintf("A change is on trial already, until %s. Keep it or take it back first.", s.candidate.until.Format("15:04:05"))}
	}
	if ifMatch != s.current.etag {
		return nil, ErrChanged
	}
	now := s.now()
	t := &trial{version: v, until: now.Add(window)}
	if err := s.writeTrial(t, now); err != nil {
		return nil, errors.Join(fmt.Errorf("putting the change on trial: %w", err), s.dropTrial())
	}
	s.candidate, s.ran = t, ""
	t.timer = time.AfterFunc(window, func() { s.expire(t) })
	s.notify()
	return Diff(s.current.config, v.config), nil
}

// expire takes t back unless it was kept or taken back before.
func (s *Store) expire(t *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate == t {
		// What stays on the disk after a failure is dropped when the store is
		// opened again; the trial itself ends now, come what may.
		_ = s.end()
		s.ran = t.etag
	}
}

// end takes the trial back. The caller holds mu.
func (s *Store) end() error {
	s.candidate.timer.Stop()
	s.candidate = nil
	s.notify()
	return s.dropTrial()
}

// Confirm keeps the candidate: it becomes the current configuration and enters
// the history. ifMatch is the etag of the current configuration the trial
// started from, or the candidate's own. After an error nothing has changed and
// the trial, unless it ran out, goes on.
func (s *Store) Confirm(ifMatch string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.candidate
	switch {
	case t == nil && s.ran != "":
		return ErrTrialRan
	case t == nil:
		return ErrNoTrial
	case !s.now().Before(t.until):
		// The timer is about to say the same; whoever comes first.
		s.ran = t.etag
		return errors.Join(ErrTrialRan, s.end())
	case ifMatch != s.current.etag && ifMatch != t.etag:
		return ErrChanged
	}
	if err := s.keep(t.version); err != nil {
		return fmt.Errorf("keeping the change: %w", err)
	}
	t.timer.Stop()
	s.current, s.candidate, s.unusable = t.version, nil, false
	s.notify()
	return nil
}

// Revert takes the candidate back at once.
func (s *Store) Revert() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.candidate == nil {
		return ErrNoTrial
	}
	s.ran = ""
	return s.end()
}

// keep makes v the current configuration on the disk. The history comes first:
// whatever fails before the one rename that counts leaves the old one current.
func (s *Store) keep(v version) error {
	entry, err := s.history().add(v, s.now())
	if err != nil {
		return err
	}
	if s.unusable {
		if err := s.setAside(); err != nil {
			return errors.Join(err, os.Remove(entry))
		}
	}
	if err := replace(s.path(currentFile), v.text); err != nil {
		return errors.Join(err, os.Remove(entry))
	}
	// From here on the change is kept. A leftover of the trial or one history
	// entry too many is found and cleared when the store is opened.
	_ = s.removeTrial()
	_ = s.history().prune()
	return nil
}
