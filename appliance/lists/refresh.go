package lists

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// refresh looks for a newer content of one list and takes it in, or notes why not.
func (l *Library) refresh(ctx context.Context, s Source) error {
	now := l.o.Now()
	c, seen, err := l.get(ctx, s)
	if err == nil && c != nil {
		err = l.consider(ctx, s, c, arrival{seen: seen, guarded: true})
	}
	if ctx.Err() != nil {
		return ctx.Err() // the box is being stopped: no fault of the list
	}
	return errors.Join(err, l.change(func(st *state) error {
		r := st.of(s.ID, now)
		r.Tried = now
		if err == nil {
			r.Checked, r.Failures, r.Retry, r.Problem = now, 0, time.Time{}, ""
			return nil
		}
		r.Problem = Sentence(err)
		r.Failures++
		r.Retry = time.Time{}
		if d, ok := retryAfter(r.Failures, l.o.Seed+s.ID); ok {
			r.Retry = now.Add(d)
		}
		return nil
	}))
}

// get fetches or copies a content; nil when there is nothing new.
func (l *Library) get(ctx context.Context, s Source) (*content, validators, error) {
	known := l.record(s.ID).Seen
	dir := filepath.Join(l.o.Dir, workDir)
	if s.remote() {
		if err := room(dir, s.limit()); err != nil {
			return nil, known, err
		}
		return l.fetcher.fetch(ctx, dir, s, known, l.progress(s, "Fetching"))
	}
	stamp, err := stampOf(s.path())
	if err != nil {
		return nil, known, refuse("file", "The file %s cannot be read on the box. The last good content stays.", s.path()).because(err)
	}
	if stamp == known {
		return nil, known, nil
	}
	if err := room(dir, s.limit()); err != nil {
		return nil, known, err
	}
	f, err := os.Open(s.path())
	if err != nil {
		return nil, known, refuse("file", "The file %s cannot be read on the box. The last good content stays.", s.path()).because(err)
	}
	defer func() { _ = f.Close() }()
	c, err := arrive(dir, s.ID, f, s.limit(), l.progress(s, "Reading"))
	return c, stamp, err
}

// stampOf recognises a file's content, as far as a look without reading can.
func stampOf(path string) (validators, error) {
	st, err := os.Stat(path)
	if err != nil {
		return validators{}, err
	}
	if !st.Mode().IsRegular() {
		return validators{}, fmt.Errorf("%s is not a file", path)
	}
	return validators{ETag: fmt.Sprintf("%d", st.Size()), Modified: st.ModTime().UTC().Format(time.RFC3339Nano)}, nil
}

// arrival says how a content came.
type arrival struct {
	seen    validators
	guarded bool   // it came without a person: a suspicious one waits
	by      string // the person, if there was one
}

// consider examines a content and takes it in, lets it wait or refuses it. It
// owns c.
func (l *Library) consider(ctx context.Context, s Source, c *content, a arrival) error {
	defer c.drop()
	r := l.record(s.ID)
	switch {
	case r.Good != nil && r.Good.SHA256 == c.SHA256:
		// The same again; or upstream went back to it from what waits here.
		return l.settle(s, a, func(r *record) { r.Waiting = nil })
	case r.Waiting != nil && r.Waiting.SHA256 == c.SHA256 && a.guarded:
		return l.settle(s, a, func(*record) {})
	case r.Refused == c.SHA256 && a.by == "":
		return l.settle(s, a, func(*record) {})
	}
	l.report(Working{Source: s.Name, Doing: "Checking"})
	t, err := l.press.count(ctx, c.part, s)
	if err != nil {
		return err
	}
	if t.Names < s.least() {
		return refuse("collapsed", "There is too little in it, only %s; it never had fewer than %s. The last good one stays.", Names(t.Names), Number(s.least()))
	}
	e := &edition{
		File: filepath.Join(sourcesDir, s.ID+"-"+c.SHA256[:16]), SHA256: c.SHA256, Size: c.Size,
		Arrived: l.o.Now(), Names: t.Names, Skipped: t.Skipped, By: a.by,
	}
	if a.guarded && r.Good != nil {
		e.Why = suspicious(r.Good.Names, e.Names)
	}
	if err := os.Rename(c.part, l.path(e.File)); err != nil {
		return fmt.Errorf("taking in the list: %w", noRoom(err))
	}
	c.part = ""
	if err := syncDir(filepath.Dir(l.path(e.File))); err != nil {
		return fmt.Errorf("taking in the list: %w", err)
	}
	return l.settle(s, a, func(r *record) {
		if e.Why != "" {
			r.Waiting = e
			return
		}
		r.Good, r.Waiting, r.Refused, r.Lost = e, nil, "", false
	})
}

// settle writes what came of a content.
func (l *Library) settle(s Source, a arrival, do func(*record)) error {
	now := l.o.Now()
	return l.change(func(st *state) error {
		r := st.of(s.ID, now)
		do(r)
		r.Seen = a.seen
		r.Checked, r.Problem = now, ""
		return nil
	})
}

// round looks for every due list, one after the other. A server that could not
// be reached once is not asked for its other lists.
func (l *Library) round(ctx context.Context, due func(Source, record) bool) (failed []error, err error) {
	down := map[string]error{}
	for _, s := range l.wished() {
		if s.uploaded() || !due(s, l.record(s.ID)) {
			continue
		}
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		err, away := down[hostOf(s)]
		if away {
			err = l.skip(s, err)
		} else if err = l.refresh(ctx, s); err != nil {
			l.log.Info("a category list was not renewed", "list", s.ID, "err", err)
		}
		if codeOf(err) == "offline" && s.remote() {
			down[hostOf(s)] = err
		}
		l.report(Working{})
		if err != nil {
			failed = append(failed, refuse(codeOf(err), "%s: %s", s.Name, Sentence(err)).because(err))
		}
	}
	return failed, nil
}

// skip notes that a list was not looked for because its server is away.
func (l *Library) skip(s Source, why error) error {
	now := l.o.Now()
	return errors.Join(why, l.change(func(st *state) error {
		r := st.of(s.ID, now)
		r.Tried, r.Problem = now, Sentence(why)
		r.Failures++
		r.Retry = time.Time{}
		if d, ok := retryAfter(r.Failures, l.o.Seed+s.ID); ok {
			r.Retry = now.Add(d)
		}
		return nil
	}))
}

func hostOf(s Source) string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return s.URL
	}
	return u.Host
}
