package lists

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"stairgate/config/identity"
)

// Accept takes the content that waits in place of the one in use.
func (l *Library) Accept(id, by string) error {
	defer wake(l.kick)
	return l.change(func(s *state) error {
		r := s.Lists[id]
		if r == nil || r.Waiting == nil {
			return refuse("nothing-waits", "Nothing of this list waits any more. Load the page again.")
		}
		e := *r.Waiting
		e.Why, e.By = "", by
		r.Good, r.Waiting, r.Lost = &e, nil, false
		return nil
	})
}

// Reject drops the content that waits. The very same content does not come to
// wait again.
func (l *Library) Reject(id, by string) error {
	return l.change(func(s *state) error {
		r := s.Lists[id]
		if r == nil || r.Waiting == nil {
			return refuse("nothing-waits", "Nothing of this list waits any more. Load the page again.")
		}
		l.log.Info("a category list was rejected", "list", id, "by", by)
		r.Refused, r.Waiting = r.Waiting.SHA256, nil
		return nil
	})
}

// Uploadable are the lists that can be uploaded: the school's own, one for each
// category, and those of the catalogue that are in use, for a box whose line
// does not let it fetch them.
func (l *Library) Uploadable() []Source {
	var out []Source
	for _, c := range identity.Categories() {
		out = append(out, Upload{Category: c.ID}.source())
	}
	for _, s := range l.wished() {
		if s.remote() {
			out = append(out, s)
		}
	}
	return out
}

// Upload takes a list that a person brings. One of the school's own is in use at
// once; one of the catalogue passes the same comparison as a fetched one. What
// came of it is a sentence; an error is why nothing did.
func (l *Library) Upload(ctx context.Context, id, by string, r io.Reader) (string, error) {
	i := slices.IndexFunc(l.Uploadable(), func(s Source) bool { return s.ID == id })
	if i < 0 {
		return "", refuse("unknown", "There is no list %q to upload.", id)
	}
	s := l.Uploadable()[i]
	dir := filepath.Join(l.o.Dir, workDir)
	if err := room(dir, s.limit()); err != nil {
		return "", err
	}
	defer l.report(Working{})
	c, err := arrive(dir, s.ID, r, s.limit(), l.progress(s, "Uploading"))
	if err != nil {
		return "", uploadError(err)
	}
	if c.Size == 0 {
		c.drop()
		return "", refuse("empty", "The file is empty. Choose another.")
	}
	own := s.uploaded()
	a := arrival{by: by, guarded: !own}
	if own {
		// Known before its content is taken in, or that would belong to no list.
		if err := l.change(func(st *state) error {
			cat, _ := strings.CutPrefix(id, ownPrefix)
			u := Upload{Category: identity.Category(cat), By: by}
			j := slices.IndexFunc(st.Uploads, func(o Upload) bool { return o.Category == u.Category })
			st.Uploads = slices.Clone(st.Uploads)
			if j < 0 {
				st.Uploads = append(st.Uploads, u)
			} else {
				st.Uploads[j] = u
			}
			return nil
		}); err != nil {
			c.drop()
			return "", err
		}
	}
	defer wake(l.kick)
	if err := l.consider(ctx, s, c, a); err != nil {
		if own && l.record(id).Good == nil {
			err = errors.Join(err, l.Remove(id))
		}
		return "", uploadError(err)
	}
	rec := l.record(id)
	if rec.Waiting != nil {
		return rec.Waiting.Why, nil
	}
	if rec.Good == nil {
		return "", refuse("unknown", "The list was turned off in the meantime.")
	}
	return "The list is taken in with " + Names(rec.Good.Names) + ". It is in use in a moment.", nil
}

// uploadError leaves out of a sentence what is not true of an upload.
func uploadError(err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return err
	}
	c := *r
	c.Sentence = strings.TrimSuffix(c.Sentence, " The box tries again by itself.")
	return &c
}

// Remove forgets a list of the school's own.
func (l *Library) Remove(id string) error {
	defer wake(l.kick)
	return l.change(func(s *state) error {
		n := len(s.Uploads)
		s.Uploads = slices.DeleteFunc(slices.Clone(s.Uploads), func(u Upload) bool { return OwnID(u.Category) == id })
		if len(s.Uploads) == n {
			return refuse("unknown", "There is no list of the school’s own of that kind. Load the page again.")
		}
		return nil
	})
}
