package update

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update/bundle"
)

// StickFile is a bundle on a USB stick.
type StickFile struct {
	Device string // its partition: "sdb1"
	Name   string
	Size   int64
}

// Sticks are the USB sticks in the box.
type Sticks interface {
	// Partitions names what is plugged in, without touching it.
	Partitions() ([]string, error)
	// With mounts one, for reading only, for the time of do.
	With(partition string, do func(dir string) error) error
}

// mostStickFiles keeps a stick full of files from filling the page.
const mostStickFiles = 20

// lookForSticks lists the bundles of what was plugged in since the last look.
func (m *Machine) lookForSticks() {
	if m.o.Sticks == nil {
		return
	}
	now, err := m.o.Sticks.Partitions()
	if err != nil {
		m.o.Log.Debug("looking for USB sticks", "err", err)
		return
	}
	m.mu.Lock()
	was, idle := m.plugged, m.phase == Idle
	m.mu.Unlock()
	if slices.Equal(was, now) || !idle {
		return
	}
	var found []StickFile
	for _, partition := range now {
		err := m.o.Sticks.With(partition, func(dir string) error {
			files, err := filepath.Glob(filepath.Join(dir, "*.bundle"))
			for _, file := range files {
				info, err := os.Lstat(file)
				if err == nil && info.Mode().IsRegular() && len(found) < mostStickFiles {
					found = append(found, StickFile{partition, filepath.Base(file), info.Size()})
				}
			}
			return err
		})
		if err != nil {
			m.o.Log.Info("a USB stick cannot be read", "partition", partition, "err", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.plugged, m.sticks = now, found
}

// Fetch takes a bundle from a stick, as Receive takes one from a browser.
func (m *Machine) Fetch(ctx context.Context, by, partition, name string) error {
	if !slices.ContainsFunc(m.Status().Sticks, func(f StickFile) bool { return f.Device == partition && f.Name == name }) {
		return bundle.Refusal("That file is no longer on the stick. Load the page again.")
	}
	err := m.o.Sticks.With(partition, func(dir string) error {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil {
			err = m.Receive(ctx, by, info.Size(), f)
		}
		return errors.Join(err, f.Close())
	})
	var refusal bundle.Refusal
	if err != nil && !errors.As(err, &refusal) {
		m.o.Log.Error("reading a USB stick", "err", err)
		return bundle.Refusal("The stick could not be read to the end. Push it in again, or try another one.")
	}
	if err != nil {
		return refusal
	}
	return nil
}

// USB finds sticks through sysfs.
type USB struct {
	Sys string // /sys
	Dev string // /dev
	Own string // the disk the box runs from, never offered: /dev/stairgate/disk
	At  string // where they are mounted
}

// Partitions implements Sticks: partitions (or whole disks without any) of
// disks that hang on USB or call themselves removable.
func (u USB) Partitions() ([]string, error) {
	disks, err := os.ReadDir(filepath.Join(u.Sys, "block"))
	if err != nil {
		return nil, err
	}
	own := ""
	if target, err := filepath.EvalSymlinks(u.Own); err == nil {
		own = filepath.Base(target)
	}
	var out []string
	for _, d := range disks {
		dir := filepath.Join(u.Sys, "block", d.Name())
		where, err := filepath.EvalSymlinks(dir)
		if err != nil || d.Name() == own || !strings.HasPrefix(d.Name(), "sd") {
			continue
		}
		removable, err := os.ReadFile(filepath.Join(dir, "removable"))
		if err != nil || !strings.Contains(where, "/usb") && strings.TrimSpace(string(removable)) != "1" {
			continue
		}
		parts, err := filepath.Glob(filepath.Join(dir, d.Name()+"*"))
		if err != nil {
			return nil, err
		}
		if len(parts) == 0 {
			parts = []string{dir}
		}
		for _, p := range parts {
			out = append(out, filepath.Base(p))
		}
	}
	slices.Sort(out)
	return out, nil
}

// With implements Sticks.
func (u USB) With(partition string, do func(dir string) error) (err error) {
	if err := os.MkdirAll(u.At, 0o700); err != nil {
		return err
	}
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	device := filepath.Join(u.Dev, filepath.Base(partition))
	if err := unix.Mount(device, u.At, "vfat", flags, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(u.At, unix.MNT_DETACH)) }()
	return do(u.At)
}
