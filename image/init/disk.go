package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// linkFolder holds the only names by which anybody reaches the disk.
const linkFolder = "/dev/stairgate"

// partitions are the disk's parts by number, as the builder lays them out.
var partitions = map[int]string{1: "boot", 2: "root-a", 3: "root-b", 4: "perm"}

// disk is the drive the kernel's root is on.
type disk struct {
	sys   string         // its folder in sysfs
	name  string         // "sda", "mmcblk0", "nvme0n1"
	parts map[int]string // partition number to device name
}

// findDisk asks the kernel which disk the root is on. Two disks with the same
// identifiers (a second one flashed with the same image) cannot mislead it, as
// a search by identifier could be.
func findDisk(sys string) (disk, error) {
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		return disk{}, fmt.Errorf("asking for the root: %w", err)
	}
	return diskOf(sys, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
}

// diskOf finds the disk a partition is on, by the partition's device number.
func diskOf(sys, number string) (disk, error) {
	part, err := filepath.EvalSymlinks(filepath.Join(sys, "dev", "block", number))
	if err != nil {
		return disk{}, fmt.Errorf("the root is on device %s, which is not a partition of a disk: %w", number, err)
	}
	if _, err := os.Stat(filepath.Join(part, "partition")); err != nil {
		return disk{}, fmt.Errorf("the root is on %s, which is not a partition", filepath.Base(part))
	}
	return diskAt(filepath.Dir(part))
}

// diskNamed is the disk of that name.
func diskNamed(sys, name string) (disk, error) {
	at, err := filepath.EvalSymlinks(filepath.Join(sys, "block", name))
	if err != nil {
		return disk{}, err
	}
	return diskAt(at)
}

// diskAt reads a disk's folder in sysfs.
func diskAt(at string) (disk, error) {
	d := disk{sys: at, name: filepath.Base(at), parts: map[int]string{}}
	entries, err := os.ReadDir(d.sys)
	if err != nil {
		return disk{}, err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(d.sys, e.Name(), "partition"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			// Not a folder: an ordinary attribute of the disk.
			if errors.Is(err, unix.ENOTDIR) {
				continue
			}
			return disk{}, err
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			return disk{}, fmt.Errorf("the kernel's number of partition %s: %w", e.Name(), err)
		}
		d.parts[n] = e.Name()
	}
	for n, what := range partitions {
		if d.parts[n] == "" {
			return disk{}, fmt.Errorf("disk %s has no partition %d (%s): it was not made from a Stairgate image", d.name, n, what)
		}
	}
	return d, nil
}

// link makes the names everybody else uses.
func (d disk) link(dev, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	names := map[string]string{"disk": d.name}
	for n, what := range partitions {
		names[what] = d.parts[n]
	}
	for name, target := range names {
		at := filepath.Join(folder, name)
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink(filepath.Join(dev, target), at); err != nil {
			return fmt.Errorf("naming the disk's parts: %w", err)
		}
	}
	return nil
}
