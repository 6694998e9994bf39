package lists

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/config/identity"
)

// Options are what a Library works with; Dir is needed.
type Options struct {
	Dir  string
	Now  func() time.Time
	Zone func() *time.Location // the school's clock, for the nightly round
	// Seed is the box's own: the minute of its nightly round follows from it.
	Seed string
	// Rest is how long after Run began the servers are left alone, unless a person
	// asks for them.
	Rest time.Duration
	// Transport reaches the servers; nil is net/http's own.
	Transport http.RoundTripper
	Log       *slog.Logger

	catalogue []Source // instead of the one that comes with the program
	patience  patience
	press     press
}

// Library is the lists of one box.
type Library struct {
	o       Options
	sources func(Wish, []Upload) []Source
	lock    *os.File
	fetcher *fetcher
	press   press
	log     *slog.Logger

	kick    chan struct{} // something changed: look again
	changed chan struct{} // there is another database

	rest time.Time // when Run may ask the servers

	// work is held for one round or one compilation: never two lists at once.
	work sync.Mutex

	mu      sync.Mutex
	s       *state
	forced  bool      // a round of everything is asked for
	working Working   // what is being done now
	failed  string    // ID whose compilation failed, not to be tried again at once
	again   time.Time // when it is
	stale   []stale   // databases that were replaced
	ready   bool
	shut    string   // why the directory is not ours; "" when it is
	alarms  []string // what was found damaged
}

// stale is a file that is to be removed when nobody opens it any more.
type stale struct {
	file string
	from time.Time
}

// linger is how long a replaced database stays: an answerer that has just heard
// of it still opens it.
const linger = time.Minute

// ErrOpen is the error of Open while another process has the lists open.
var ErrOpen = errors.New("another program has the lists open")

// New is the Library of a directory. When the directory cannot be taken now, it
// says what is in use by what it can read, and Run tries again.
func New(o Options) *Library {
	l := build(o)
	if err := l.open(); err != nil {
		l.closed(err)
	}
	return l
}

// Open takes the directory now or not at all.
func Open(o Options) (*Library, error) {
	l := build(o)
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func build(o Options) *Library {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = func() *time.Location { return time.UTC }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.patience == (patience{}) {
		o.patience = usualPatience
	}
	if o.press == nil {
		o.press = categoryPress{}
	}
	if o.catalogue == nil {
		o.catalogue = catalogue()
	}
	return &Library{
		o: o, log: o.Log, press: o.press,
		sources: func(w Wish, u []Upload) []Source { return w.sources(o.catalogue, u) },
		fetcher: newFetcher(o.Transport, o.patience),
		kick:    make(chan struct{}, 1), changed: make(chan struct{}, 1),
		s: &state{Lists: map[string]*record{}},
	}
}

// open makes the directory and takes it.
func (l *Library) open() error {
	// dnsd, which is nobody, opens the database.
	for _, dir := range []string{l.o.Dir, filepath.Join(l.o.Dir, sourcesDir)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the directory of the lists: %w", noRoom(err))
		}
	}
	lock, err := os.OpenFile(filepath.Join(l.o.Dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("locking the lists: %w", noRoom(err))
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrOpen
		}
		return errors.Join(fmt.Errorf("locking the lists: %w", err), lock.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(); err != nil {
		return errors.Join(err, lock.Close())
	}
	l.lock, l.shut = lock, ""
	return nil
}

// closed notes why the directory could not be taken.
func (l *Library) closed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, _, rerr := readState(l.o.Dir); rerr == nil {
		l.s = s
	}
	l.shut = "The category lists cannot be renewed at the moment. " + Sentence(err)
}

// load reads what is known, and removes what a crash left behind.
func (l *Library) load() error {
	s, alarm, err := readState(l.o.Dir)
	if err != nil {
		return err
	}
	l.alarms = nil
	if alarm != "" {
		l.alarms = append(l.alarms, alarm)
	}
	for id, r := range s.Lists {
		for _, e := range []**edition{&r.Good, &r.Waiting} {
			if *e == nil {
				continue
			}
			// Only what Compile can open counts.
			if st, err := os.Stat(l.path((*e).File)); err != nil || st.Size() != (*e).Size {
				l.alarms = append(l.alarms, fmt.Sprintf("The content of the category list %q was damaged in the storage. It is fetched again; a list of the school’s own must be uploaded again.", id))
				r.Lost = r.Lost || e == &r.Good
				*e, r.Seen, r.Tried, r.Failures, r.Retry = nil, validators{}, time.Time{}, 0, time.Time{}
			}
		}
	}
	if s.Database.File != "" {
		if st, err := os.Stat(l.path(s.Database.File)); err != nil || st.Size() != s.Database.Bytes {
			s.Database = Database{} // compiled again from what is there
		}
	}
	l.s = s
	if err := sweep(l.o.Dir, s.files()); err != nil {
		return fmt.Errorf("clearing up what was left of the last time: %w", err)
	}
	return nil
}

// Close lets another process open the lists.
func (l *Library) Close() error {
	l.work.Lock()
	defer l.work.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lock == nil {
		return nil
	}
	lock := l.lock
	l.lock, l.shut = nil, "The category lists are closed."
	return lock.Close()
}

func (l *Library) path(rel string) string { return filepath.Join(l.o.Dir, rel) }

// String names the part for logs.
func (l *Library) String() string { return "the category lists" }

// Ready reports whether Run has compiled what there is.
func (l *Library) Ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

// Info names the database in use; its zero value is the built-in table alone.
func (l *Library) Info() identity.ListsInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.s.Database.File == "" {
		return identity.ListsInfo{}
	}
	return identity.ListsInfo{Path: l.path(l.s.Database.File), ID: l.s.Database.ID}
}

// Changed gets a value when Info says something else.
func (l *Library) Changed() <-chan struct{} { return l.changed }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Wish is which lists are wished.
func (l *Library) Wish() Wish {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.s.Wish
}

// Choose sets which lists are wished. What is not wished any more is forgotten,
// with its content. Choosing the same twice does nothing.
func (l *Library) Choose(w Wish) error {
	if problems := w.check(l.o.catalogue); len(problems) > 0 {
		return refuse("wish", "%s", problems[0])
	}
	defer wake(l.kick)
	return l.change(func(s *state) error {
		s.Wish = w
		return nil
	})
}

// change carries out a change of the state: on the disk and in memory, or
// neither. Contents that nothing refers to any more are removed.
func (l *Library) change(do func(*state) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lock == nil {
		return refuse("shut", "%s", l.shut)
	}
	next := l.s.clone()
	if err := do(next); err != nil {
		return err
	}
	wished := map[string]bool{}
	for _, s := range l.sources(next.Wish, next.Uploads) {
		if s.On {
			wished[s.ID] = true
		}
	}
	for id := range next.Lists {
		if !wished[id] {
			delete(next.Lists, id)
		}
	}
	if err := next.write(l.o.Dir); err != nil {
		return err
	}
	before, after := l.s.files(), next.files()
	l.s = next
	for f := range before {
		if f == "" || after[f] {
			continue
		}
		if isDatabase(f) {
			l.stale = append(l.stale, stale{f, l.o.Now()})
			continue
		}
		if err := remove(l.path(f)); err != nil {
			l.log.Warn("an old list stays in the storage until the next start", "file", f, "err", err)
		}
	}
	return nil
}

// wished are the lists in use, in the order of the catalogue.
func (l *Library) wished() []Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(l.sources(l.s.Wish, l.s.Uploads), func(s Source) bool { return !s.On })
}

// record is a copy of what is known of a list.
func (l *Library) record(id string) record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.s.Lists[id]; r != nil {
		return *r
	}
	return record{}
}

// UpdateNow asks Run for a round of every list.
func (l *Library) UpdateNow() {
	l.mu.Lock()
	l.forced = true
	l.mu.Unlock()
	wake(l.kick)
}
