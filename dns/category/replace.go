package category

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
)

// replace writes a database beside path, reads it back and renames it over.
func replace(path string, write func(*os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	// dnsd reads it, and may read nothing else.
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := Open(f.Name())
	if err != nil {
		return err
	}
	if err := db.Verify(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// buffered is how much is written at once.
func buffered(f io.Writer) *bufio.Writer { return bufio.NewWriterSize(f, 256<<10) }
