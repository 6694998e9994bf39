package slots

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Files is the boot partition, as far as this package needs it. Names are
// relative, with forward slashes. When an operation returns, it is on the disk.
type Files interface {
	// List names the files of a directory; a missing directory has none.
	List(dir string) ([]string, error)
	Read(name string) ([]byte, error)
	// Create writes a file that is not there yet, with its directory.
	Create(name string, data []byte) error
	Rename(from, to string) error
	Remove(name string) error
}

// Dir is the Files of a mounted boot partition.
type Dir string

// List implements Files.
func (d Dir) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Read implements Files.
func (d Dir) Read(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

// Create implements Files.
func (d Dir) Create(name string, data []byte) error {
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), syncDir(filepath.Dir(path)))
}

// Rename implements Files.
func (d Dir) Rename(from, to string) error {
	if err := os.Rename(d.path(from), d.path(to)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(d.path(to)))
}

// Remove implements Files.
func (d Dir) Remove(name string) error {
	if err := os.Remove(d.path(name)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(d.path(name)))
}

func (d Dir) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Replace puts data in the place of a file. On FAT a rename over a file writes
// one directory record, so a reader finds the old or the new; a power cut right
// after it leaves the temporary name behind, pointing at the same clusters.
// Removing that name would free them under the new file: so a left-over is
// never reused, and removed only after another rename has freed them anyway.
func Replace(files Files, name string, data []byte) error {
	dir, leftovers := dirOf(name), []string(nil)
	there, err := files.List(dir)
	if err != nil {
		return err
	}
	temporary := ""
	for i := 1; i <= 9; i++ {
		t := fmt.Sprintf("%s.new%d", name, i)
		if slices.Contains(there, t[len(dirPrefix(dir)):]) {
			leftovers = append(leftovers, t)
		} else if temporary == "" {
			temporary = t
		}
	}
	if temporary == "" {
		return fmt.Errorf("%s cannot be replaced: nine unfinished copies of it are in the way; write the image to the disk anew", name)
	}
	if err := files.Create(temporary, data); err != nil {
		return err
	}
	if err := files.Rename(temporary, name); err != nil {
		return err
	}
	for _, t := range leftovers {
		if err := files.Remove(t); err != nil {
			return err
		}
	}
	return nil
}

func dirOf(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return name[:i]
		}
	}
	return ""
}

func dirPrefix(dir string) string {
	if dir == "" {
		return ""
	}
	return dir + "/"
}
