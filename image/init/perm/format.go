package perm

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
)

const (
	// small is what is formatted by us; the kernel grows it to the partition.
	small = 256 << 20
	// Smallest is the least partition that can be formatted.
	Smallest = 32 << 20
)

// Format makes an ext4 with a journal and checksums on a partition that holds
// nothing, of at most 256 MiB.
//
// The superblock comes last, when everything else is on the disk: a power cut
// leaves a partition without a signature, which the next start formats again.
func Format(f *os.File, size int64) error {
	if size < Smallest {
		return fmt.Errorf("the partition has %d MiB; a file system needs at least %d", size>>20, Smallest>>20)
	}
	what, err := Signature(f)
	if err != nil {
		return err
	}
	if what != "" {
		return fmt.Errorf("the partition holds a file system (%s) and is not formatted again", what)
	}
	late := &lastly{File: f}
	first := min(size, small) / align * align
	_, err = ext4.Create(late, first, 0, 512, &ext4.Params{
		SectorsPerBlock: 8,
		InodeRatio:      16384, // mke2fs's; the library's own is half
		VolumeName:      "perm",
		Features: []ext4.FeatureOpt{
			ext4.WithFeatureHasJournal(true),
			ext4.WithFeatureMetadataChecksums(true),
			// The kernel refuses to grow by the room this library reserves,
			// and without any it goes on with meta_bg.
			ext4.WithFeatureReservedGDTBlocksForExpansion(false),
		},
	})
	if err != nil {
		return fmt.Errorf("making the file system: %w", err)
	}
	return late.finish()
}

const align = 1 << 20

// lastly is a partition that keeps the superblock back until everything else
// is written.
type lastly struct {
	*os.File
	held [superblockSize]byte
}

var _ backend.Storage = (*lastly)(nil)

// Sys implements backend.Storage.
func (l *lastly) Sys() (*os.File, error) { return l.File, nil }

// Writable implements backend.Storage.
func (l *lastly) Writable() (backend.WritableFile, error) { return l, nil }

// Path implements backend.Storage.
func (l *lastly) Path() string { return l.Name() }

// overlap is the part of [off, off+n) that is the superblock, relative to off.
func overlap(off int64, n int) (from, to int64) {
	return max(superblock-off, 0), min(superblock+superblockSize-off, int64(n))
}

// WriteAt implements io.WriterAt.
func (l *lastly) WriteAt(p []byte, off int64) (int, error) {
	from, to := overlap(off, len(p))
	if from >= to {
		return l.File.WriteAt(p, off)
	}
	copy(l.held[off+from-superblock:], p[from:to])
	rest := bytes.Clone(p)
	clear(rest[from:to])
	return l.File.WriteAt(rest, off)
}

// ReadAt implements io.ReaderAt.
func (l *lastly) ReadAt(p []byte, off int64) (int, error) {
	n, err := l.File.ReadAt(p, off)
	if from, to := overlap(off, n); from < to {
		copy(p[from:to], l.held[off+from-superblock:])
	}
	return n, err
}

// Write is not for partitions: everything is written at a place.
func (l *lastly) Write([]byte) (int, error) { return 0, os.ErrInvalid }

// Seek and Read work on the file as it is; nothing that formats uses them.
var _ io.Seeker = (*lastly)(nil)

func (l *lastly) finish() error {
	if err := l.File.Sync(); err != nil {
		return fmt.Errorf("writing the file system: %w", err)
	}
	if _, err := l.File.WriteAt(l.held[:], superblock); err != nil {
		return fmt.Errorf("writing the superblock: %w", err)
	}
	if err := l.File.Sync(); err != nil {
		return fmt.Errorf("writing the superblock: %w", err)
	}
	return nil
}
