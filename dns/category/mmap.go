package category

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a whole file read-only. The file must be replaced by renaming
// another over it, never written to nor cut off: what is mapped would change, or
// the process would be killed for reading behind its end.
func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	// The first queries after a start should not each wait for the card. It is
	// advice: without it they only wait.
	_ = unix.Madvise(b, unix.MADV_WILLNEED)
	return b, nil
}

// dontNeed takes the pages of a mapping out of this process' memory. They stay in the
// kernel's cache of the file, and come back when they are read again.
func dontNeed(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func unmap(b []byte) { _ = unix.Munmap(b) }
