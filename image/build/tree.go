package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// tree is a file system to be: slash-separated paths without a leading slash.
type tree map[string]node

// node is one file, folder or link. Exactly one of data, source and link says what it
// holds; none of them for a folder.
type node struct {
	mode   fs.FileMode // permissions, and fs.ModeDir or fs.ModeSymlink
	data   []byte
	source string // a file of the build machine
	link   string
}

func (t tree) dir(names ...string) {
	for _, name := range names {
		for ; name != "."; name = path.Dir(name) {
			if _, ok := t[name]; !ok {
				t[name] = node{mode: fs.ModeDir | 0o755}
			}
		}
	}
}

func (t tree) text(name, text string) { t.put(name, node{mode: 0o644, data: []byte(text)}) }

func (t tree) file(name, source string, mode fs.FileMode) {
	t.put(name, node{mode: mode, source: source})
}

func (t tree) symlink(name, to string) {
	t.put(name, node{mode: fs.ModeSymlink | 0o777, link: to})
}

func (t tree) put(name string, n node) {
	t.dir(path.Dir(name))
	t[name] = n
}

// folder adds everything below a folder of the build machine.
func (t tree) folder(name, source string) error {
	return filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, p)
		if err != nil {
			return err
		}
		to := path.Join(name, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			t.dir(to)
		case d.Type().IsRegular():
			t.file(to, p, 0o644)
		default:
			return fmt.Errorf("%s is neither a file nor a folder; the image has no place for it", p)
		}
		return nil
	})
}

// names are all paths, sorted, so a folder comes before what is in it.
func (t tree) names() []string { return slices.Sorted(maps.Keys(t)) }

func (n node) open() (io.ReadCloser, error) {
	if n.source != "" {
		return os.Open(n.source)
	}
	return io.NopCloser(bytes.NewReader(n.data)), nil
}

// digest says what the tree holds: two with the same digest make the same bytes.
func (t tree) digest() (string, error) {
	sum := sha256.New()
	for _, name := range t.names() {
		n := t[name]
		fmt.Fprintf(sum, "%q %o %q ", name, n.mode, n.link)
		if n.mode.IsRegular() {
			content := sha256.New()
			if err := n.copyTo(content); err != nil {
				return "", err
			}
			fmt.Fprintf(sum, "%x", content.Sum(nil))
		}
		fmt.Fprintln(sum)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (n node) copyTo(w io.Writer) error {
	r, err := n.open()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}

// size is how many bytes the files hold.
func (t tree) size() (int64, error) {
	var all int64
	for _, n := range t {
		if n.source == "" {
			all += int64(len(n.data))
			continue
		}
		info, err := os.Stat(n.source)
		if err != nil {
			return 0, err
		}
		all += info.Size()
	}
	return all, nil
}

// write makes the tree below dir, with one time on everything.
func (t tree) write(dir string, at time.Time) error {
	names := t.names()
	for _, name := range names {
		n, to := t[name], filepath.Join(dir, filepath.FromSlash(name))
		var err error
		switch {
		case n.mode.IsDir():
			err = os.Mkdir(to, 0o755)
		case n.mode&fs.ModeSymlink != 0:
			err = os.Symlink(n.link, to)
		default:
			err = n.write(to)
		}
		if err != nil {
			return fmt.Errorf("writing %s of the image: %w", name, err)
		}
	}
	// Folders last: writing into one changes its time.
	slices.Reverse(names)
	for _, name := range names {
		n, to := t[name], filepath.Join(dir, filepath.FromSlash(name))
		if n.mode&fs.ModeSymlink != 0 {
			continue // its time is not kept: the file systems made from this set their own
		}
		if err := errors.Join(os.Chmod(to, n.mode.Perm()), os.Chtimes(to, at, at)); err != nil {
			return err
		}
	}
	return nil
}

func (n node) write(to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(n.copyTo(f), f.Close())
}
