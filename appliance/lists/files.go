package lists

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// partSuffix marks a file that is being written.
const partSuffix = ".part"

// reserve is how much of the storage the lists leave free.
const reserve = 64 << 20

// digest is a short name for some content.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s\n", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// replace puts data in the place of a file: after a power cut there is either
// the old content or the new, whole.
func replace(name string, data []byte) error {
	part := name + partSuffix
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return syncDir(filepath.Dir(name))
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

// content is what arrived: a file, its digest and its size.
type content struct {
	part   string // where it lies until it is taken in or dropped
	SHA256 string
	Size   int64
}

// drop removes content that is not taken in.
func (c *content) drop() {
	if c != nil && c.part != "" {
		_ = os.Remove(c.part)
		c.part = ""
	}
}

// arrive writes what r gives to a new file of dir, durably, and never more than
// limit bytes.
func arrive(dir, id string, r io.Reader, limit int64, progress func(int64)) (*content, error) {
	f, err := os.CreateTemp(dir, id+"-*")
	if err != nil {
		return nil, noRoom(err)
	}
	c := &content{part: f.Name()}
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for err == nil {
		var n int
		n, err = r.Read(buf)
		if c.Size += int64(n); c.Size > limit {
			err = refuse("large", "It is larger than %d megabytes, more than this list ever was. The last good one stays.", limit>>20)
			break
		}
		h.Write(buf[:n])
		if _, werr := f.Write(buf[:n]); werr != nil {
			err = noRoom(werr)
		}
		if progress != nil {
			progress(c.Size)
		}
	}
	if errors.Is(err, io.EOF) { // not io.ErrUnexpectedEOF: a broken-off answer
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		c.drop()
		return nil, err
	}
	c.SHA256 = hex.EncodeToString(h.Sum(nil))
	return c, nil
}

func noRoom(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return refuse("disk", "The box’s storage is full. The last good one stays. Ask the technician to make room.").because(err)
	}
	return fmt.Errorf("writing to the box’s storage: %w", err)
}

// room refuses to begin when what may arrive does not fit.
func room(dir string, want int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("looking for room in the storage: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < want+reserve {
		return refuse("disk", "The box’s storage is nearly full: %d megabytes are free and this list may need %d. The last good one stays. Ask the technician to make room.", free>>20, (want+reserve)>>20)
	}
	return nil
}

// sweep removes what no state refers to: work that a crash cut off, and content
// between its rename and the state that would have named it.
func sweep(dir string, keep map[string]bool) error {
	errs := []error{os.RemoveAll(filepath.Join(dir, workDir))}
	for _, sub := range []string{"", sourcesDir} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, e := range entries {
			rel := filepath.Join(sub, e.Name())
			ours := sub != "" || strings.HasSuffix(rel, partSuffix) || isDatabase(rel)
			if ours && !keep[rel] {
				errs = append(errs, os.RemoveAll(filepath.Join(dir, rel)))
			}
		}
	}
	return errors.Join(append(errs, os.MkdirAll(filepath.Join(dir, workDir), 0o700))...)
}

func isDatabase(name string) bool {
	return strings.HasPrefix(name, databasePrefix) && strings.HasSuffix(name, databaseSuffix)
}
