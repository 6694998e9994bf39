package lists

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"stairgate/dns/category"
)

// categoryPress is dns/category.
type categoryPress struct{}

func (categoryPress) version() string { return "1" }

func (categoryPress) count(ctx context.Context, path string, s Source) (tally, error) {
	f, err := os.Open(path)
	if err != nil {
		return tally{}, fmt.Errorf("reading the list: %w", err)
	}
	defer func() { _ = f.Close() }()
	r, err := s.list().Parse(until(ctx, f), func(category.Listing) error { return nil })
	return tally{Names: r.Names - r.Exceptions, Skipped: skips(r.Skipped)}, sentenceOf(err)
}

// until is a reader that ends with ctx.
func until(ctx context.Context, r io.Reader) io.Reader {
	return reading(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

// sentenceOf puts what a parser found into words for people.
func sentenceOf(err error) error {
	var r *Refusal
	switch stays := " The last good one stays."; {
	case err == nil, errors.As(err, &r), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, category.ErrHTML):
		r = refuse("html", "A web page came instead of the list: perhaps the address has changed, or a sign-in page is in the way.%s", stays)
	case errors.Is(err, category.ErrControl):
		r = refuse("binary", "It is not a list of names but a file of another kind, or damaged.%s", stays)
	case errors.Is(err, category.ErrTruncated), errors.Is(err, category.ErrArchive):
		r = refuse("truncated", "The packed list is broken off or damaged.%s", stays)
	case errors.Is(err, category.ErrBomb), errors.Is(err, category.ErrTooLarge):
		r = refuse("bomb", "It unpacks to more than any list has, which is how such a file attacks a box.%s", stays)
	case errors.Is(err, category.ErrMember):
		r = refuse("hostile", "The archive holds files that want to lie elsewhere on the box.%s", stays)
	case errors.Is(err, category.ErrEmpty), errors.Is(err, category.ErrNoNames):
		r = refuse("empty", "There is not one name in it.%s", stays)
	default:
		return fmt.Errorf("reading the list: %w", err)
	}
	return r.because(err)
}

func (categoryPress) compile(ctx context.Context, out string, in []input) (pressed, error) {
	var sources []category.Source
	for _, i := range in {
		sources = append(sources, category.Source{
			ID: i.ID, Category: i.Category, List: i.list(),
			Open: func() (io.ReadCloser, error) {
				f, err := os.Open(i.Path)
				if err != nil {
					return nil, err
				}
				return struct {
					io.Reader
					io.Closer
				}{until(ctx, f), f}, nil
			},
		})
	}
	c, err := category.Compile(out, sources, category.CompileOptions{TempDir: filepath.Dir(out)})
	if err != nil {
		return pressed{}, noRoom(err)
	}
	db, err := category.Open(out)
	if err == nil {
		err = db.Verify()
	}
	if err != nil {
		return pressed{}, fmt.Errorf("reading the new database back: %w", err)
	}
	return pressed{Names: c.Names, NeverBlock: skips(c.NeverBlock)}, nil
}

// list is how the parser is to read a source.
func (s Source) list() category.List {
	return category.List{Format: s.Format, Directories: s.Map}
}

func skips(notes []category.Note) []Skip {
	var out []Skip
	for _, n := range notes {
		out = append(out, Skip{n.Reason, n.Count, n.Examples})
	}
	return out
}
