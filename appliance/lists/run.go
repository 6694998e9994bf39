package lists

import (
	"context"
	"time"
)

// look is how often files on the box are looked at.
const look = 5 * time.Second

// Run keeps the lists until ctx ends: a round each night, again after a failure,
// and at once what was asked for or never had.
func (l *Library) Run(ctx context.Context) error {
	if err := l.reopen(ctx); err != nil {
		return err
	}
	l.rest = l.o.Now().Add(l.o.Rest)
	for {
		if err := l.turn(ctx); err != nil {
			return err
		}
		t := time.NewTimer(l.sleep(l.o.Now()))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-l.kick:
		case <-t.C:
		}
		t.Stop()
	}
}

// reopen tries until the directory is ours.
func (l *Library) reopen(ctx context.Context) error {
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		l.mu.Lock()
		ours := l.lock != nil
		l.mu.Unlock()
		if ours {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		if err := l.open(); err != nil {
			l.closed(err)
		} else {
			wake(l.changed)
		}
	}
}

// turn does whatever is due. Only the end of ctx is an error: everything else is
// noted and tried again.
func (l *Library) turn(ctx context.Context) error {
	now := l.o.Now()
	l.mu.Lock()
	all := l.forced
	l.forced = false
	resting := now.Before(l.rest)
	night := !resting && !l.s.Nightly.IsZero() && !nightly(l.s.Nightly, l.o.Zone(), l.o.Seed).After(now)
	first := l.s.Nightly.IsZero() || l.s.Nightly.After(now) // the clock went back
	l.mu.Unlock()
	if night || first {
		if err := l.change(func(s *state) error { s.Nightly = now; return nil }); err != nil {
			l.log.Error("the lists' notes cannot be written", "err", err)
		}
	}
	// What is there comes first: a box that starts has its filter before it
	// looks for a newer one.
	if err := l.compileAll(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	l.ready = true
	l.mu.Unlock()
	if _, err := l.round(ctx, func(s Source, r record) bool {
		return all || night || !resting && l.due(s, r, now)
	}); err != nil {
		return err
	}
	if err := l.compileAll(ctx); err != nil {
		return err
	}
	l.tidy(l.o.Now())
	return nil
}

// compileAll compiles and notes what went wrong.
func (l *Library) compileAll(ctx context.Context) error {
	err := l.compile(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		l.log.Error("the category lists could not be compiled", "err", err)
	}
	return nil
}

// due says whether a list is to be looked for between the nights.
func (l *Library) due(s Source, r record, now time.Time) bool {
	switch {
	case s.path() != "":
		// A look at a file costs nothing. One that was refused is looked at
		// again when it changes, or after the pause.
		stamp, err := stampOf(s.path())
		return err == nil && stamp != r.Seen && (r.Failures == 0 || !r.Retry.IsZero() && !now.Before(r.Retry)) ||
			err != nil && r.Problem == ""
	case r.Tried.IsZero(), r.Tried.After(now): // never, or the clock went back
		return true
	}
	return !r.Retry.IsZero() && !now.Before(r.Retry)
}

// sleep is how long there is nothing to do.
func (l *Library) sleep(now time.Time) time.Duration {
	l.mu.Lock()
	next, forced := nightly(now, l.o.Zone(), l.o.Seed), l.forced
	l.mu.Unlock()
	switch {
	case forced:
		next = now
	case now.Before(l.rest):
		return l.rest.Sub(now)
	}
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	sooner(l.tidy(now))
	for _, s := range l.wished() {
		if s.path() != "" {
			sooner(now.Add(look))
		}
		sooner(l.record(s.ID).Retry)
	}
	l.mu.Lock()
	if l.failed != "" {
		sooner(l.again)
	}
	l.mu.Unlock()
	return max(next.Sub(now), time.Millisecond)
}

// Update makes one round of every list and compiles, here and now. The error
// says too which lists could not be renewed.
func (l *Library) Update(ctx context.Context) error {
	return l.updateThose(ctx, func(Source, record) bool { return true })
}

// UpdateFiles is Update for the files on the box alone.
func (l *Library) UpdateFiles(ctx context.Context) error {
	return l.updateThose(ctx, func(s Source, _ record) bool { return s.path() != "" })
}

func (l *Library) updateThose(ctx context.Context, due func(Source, record) bool) error {
	failed, err := l.round(ctx, due)
	if err != nil {
		return err
	}
	if err := l.Compile(ctx); err != nil {
		return err
	}
	switch n := len(failed); n {
	case 0:
		return nil
	case 1:
		return failed[0]
	default:
		return refuse("partly", "%d lists could not be renewed; the first is %s", n, Sentence(failed[0]))
	}
}

// Compile makes the database of what there is.
func (l *Library) Compile(ctx context.Context) error {
	l.mu.Lock()
	l.failed = ""
	l.mu.Unlock()
	return l.compile(ctx)
}
