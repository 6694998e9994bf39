package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seedFile carries chance from one start to the next.
const seedFile = permFolder + "/random.seed"

const seedSize = 64

// feedSeed gives the kernel what the last start left, and replaces it before
// the kernel counts on it, so that no seed is counted twice. gokrazy's randomd
// is not used: it counts a seed that the kernel never receives, and on the first
// start the time of day.
func feedSeed(file string) error {
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the first start: saveSeed writes one later
	}
	if err != nil {
		return fmt.Errorf("reading the random seed: %w", err)
	}
	if len(old) < seedSize {
		return fmt.Errorf("the random seed has %d bytes and is not used", len(old))
	}
	next := make([]byte, seedSize)
	if _, err := unix.Getrandom(next, unix.GRND_INSECURE); err != nil {
		return fmt.Errorf("asking for chance: %w", err)
	}
	// Never worse than the old one, even if the kernel knew nothing yet.
	mixed := sha256.Sum256(append(append([]byte("stairgate seed"), old...), next...))
	copy(next, mixed[:])
	if err := replace(file, next); err != nil {
		return fmt.Errorf("replacing the random seed: %w", err)
	}
	return addEntropy(old[:seedSize])
}

// addEntropy is RNDADDENTROPY: the bytes, counted as good for 256 bits.
func addEntropy(b []byte) (err error) {
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	pool := struct {
		bits, size int32
		data       [seedSize]byte
	}{bits: 256, size: seedSize}
	copy(pool.data[:], b)
	const rndAddEntropy = 0x40085203
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), rndAddEntropy, uintptr(unsafe.Pointer(&pool))); errno != 0 {
		return fmt.Errorf("giving the kernel the random seed: %w", errno)
	}
	return nil
}

// saveSeed leaves chance for the next start.
func saveSeed(file string) error {
	b := make([]byte, seedSize)
	if _, err := unix.Getrandom(b, 0); err != nil {
		return fmt.Errorf("asking for chance: %w", err)
	}
	return replace(file, b)
}

// replace writes a file as a whole: new, on the disk, then in the old one's
// place.
func replace(file string, b []byte) (err error) {
	f, err := os.OpenFile(file+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
