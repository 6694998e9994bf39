package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update/fat"
)

// bootNumber is the partition of the kernels, the first on the disk.
const bootNumber = 1

// mending is the most that mending the boot partition may take; it reads a
// megabyte and writes less.
const mending = 30 * time.Second

// mendBoot mends the boot partition after a power cut, before anybody mounts it.
//
// Whatever goes wrong is said and left: Linux mounts a FAT that is in disorder,
// and the slots' own digests decide about what is in it.
func mendBoot(device string, now time.Time) {
	report, err := mend(device, now.Add(mending))
	switch {
	case err != nil:
		log.Printf("STORAGE: the boot partition is left as it is: %v", err)
	case report.Clean():
	case report.Grave:
		log.Printf("STORAGE: the boot partition is damaged and was left alone; if an update fails, write the image to the storage again: %v", report)
	default:
		log.Printf("the boot partition was mended after a power cut: %v", report)
		for _, f := range report.Left() {
			log.Printf("this stays until an update replaces it: %v", f)
		}
	}
}

// mend looks closer only where there is a reason: most starts are ordinary.
func mend(device string, end time.Time) (report fat.Report, err error) {
	// Exclusively: nobody has it mounted.
	f, err := os.OpenFile(device, os.O_RDWR|unix.O_EXCL, 0)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return report, err
	}
	d := bounded{f, end}
	unclean, err := fat.Unclean(d, size)
	if err != nil || !unclean {
		return report, err
	}
	return fat.Mend(d, size)
}

// bounded is a partition that stops answering at a time: a card that is dying
// answers each question, but late, and the watchdog is fed only for so long.
type bounded struct {
	*os.File
	end time.Time
}

func (b bounded) late() error {
	if time.Now().After(b.end) {
		return fmt.Errorf("%s takes longer than %s; the storage may be failing", b.Name(), mending)
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (b bounded) ReadAt(p []byte, off int64) (int, error) {
	if err := b.late(); err != nil {
		return 0, err
	}
	return b.File.ReadAt(p, off)
}

// WriteAt implements io.WriterAt.
func (b bounded) WriteAt(p []byte, off int64) (int, error) {
	if err := b.late(); err != nil {
		return 0, err
	}
	return b.File.WriteAt(p, off)
}
