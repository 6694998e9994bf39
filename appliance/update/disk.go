package update

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update/slots"
)

// Disk is what the machine writes to. When an operation returns, it is on the
// disk; when the power goes during one, its file or partition may be torn.
type Disk interface {
	// Boot lends the boot partition for the moment of a change.
	Boot(do func(BootFiles) error) error
	// Sizes is what fits into a slot's root partition, and into its directory on
	// the boot partition.
	Sizes(s slots.Slot) (root, boot int64, err error)
	WriteRoot(s slots.Slot, r io.Reader) error
	// HashRoot reads the first size bytes of a root partition back from the disk.
	HashRoot(s slots.Slot, size int64) (string, error)
	Load(name string) ([]byte, error)
	Save(name string, data []byte) error
}

// BootFiles is the boot partition.
type BootFiles interface {
	slots.Files
	Clear(s slots.Slot) error // empties the slot's directory
	Copy(name string, r io.Reader) error
	Hash(name string) (string, error)
}

// RealDisk is the disk of a box: init's names of its partitions, and a directory
// on /perm.
type RealDisk struct {
	Devices string // /dev/stairgate
	Dir     string // /perm/update
}

// Boot implements Disk.
func (d RealDisk) Boot(do func(BootFiles) error) error {
	return slots.With(filepath.Join(d.Devices, "boot"), func(dir string) error { return do(BootDir{slots.Dir(dir)}) })
}

// Sizes implements Disk.
func (d RealDisk) Sizes(s slots.Slot) (root, boot int64, err error) {
	f, err := os.Open(d.root(s))
	if err != nil {
		return 0, 0, err
	}
	root, err = f.Seek(0, io.SeekEnd)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, 0, err
	}
	err = slots.With(filepath.Join(d.Devices, "boot"), func(dir string) error {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil {
			return err
		}
		used, err := sizeOf(filepath.Join(dir, string(s)))
		// A little stays for the loader's entries.
		boot = max(int64(fs.Bavail)*fs.Bsize+used-1<<20, 0)
		return err
	})
	return root, boot, err
}

func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return sum, err
}

// WriteRoot implements Disk.
func (d RealDisk) WriteRoot(s slots.Slot, r io.Reader) error {
	f, err := os.OpenFile(d.root(s), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(copySynced(f, r), f.Close())
}

// copySynced copies in large pieces, each on the disk before the next, so that a
// small box is not filled with what waits to be written.
func copySynced(f *os.File, r io.Reader) error {
	piece := make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(r, piece)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		ended := err != nil
		if _, err := f.Write(piece[:n]); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		if ended {
			return nil
		}
	}
}

// HashRoot implements Disk.
func (d RealDisk) HashRoot(s slots.Slot, size int64) (string, error) {
	f, err := os.Open(d.root(s))
	if err != nil {
		return "", err
	}
	// Past the kernel's memory of what was just written: the medium itself.
	if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0); err != nil {
		return "", errors.Join(fmt.Errorf("read %s back: %w", d.root(s), err), f.Close())
	}
	sum, err := hashOf(io.LimitReader(f, size))
	return sum, errors.Join(err, f.Close())
}

func hashOf(r io.Reader) (string, error) {
	hash := sha256.New()
	_, err := io.Copy(hash, r)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// Load implements Disk.
func (d RealDisk) Load(name string) ([]byte, error) { return os.ReadFile(filepath.Join(d.Dir, name)) }

// Save implements Disk.
func (d RealDisk) Save(name string, data []byte) error {
	return ReplaceFile(filepath.Join(d.Dir, name), data)
}

func (d RealDisk) root(s slots.Slot) string { return filepath.Join(d.Devices, "root-"+string(s)) }

// ReplaceFile puts data in the place of a file, so that a reader and the power
// find the old or the new.
func ReplaceFile(name string, data []byte) error {
	f, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// BootDir is a mounted boot partition.
type BootDir struct{ slots.Dir }

// Clear implements BootFiles.
func (d BootDir) Clear(s slots.Slot) error {
	if !s.Valid() {
		return fmt.Errorf("there is no slot %q", s)
	}
	if err := os.RemoveAll(filepath.Join(string(d.Dir), string(s))); err != nil {
		return err
	}
	return syncDir(string(d.Dir))
}

// Copy implements BootFiles.
func (d BootDir) Copy(name string, r io.Reader) error {
	if !filepath.IsLocal(name) || strings.ContainsRune(name, '\\') {
		return fmt.Errorf("%q is no name on the boot partition", name)
	}
	file := filepath.Join(string(d.Dir), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(copySynced(f, r), f.Close(), syncDir(filepath.Dir(file)))
}

// Hash implements BootFiles.
func (d BootDir) Hash(name string) (string, error) {
	f, err := os.Open(filepath.Join(string(d.Dir), path.Clean(name)))
	if err != nil {
		return "", err
	}
	sum, err := hashOf(f)
	return sum, errors.Join(err, f.Close())
}
