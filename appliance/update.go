package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
)

const (
	// breath is how often init hears that the box is alive.
	breath = 5 * time.Second
	// stuck is how long the reconcile loop may be without a turn: twice the
	// longest it sleeps, and some more for a slow card.
	stuck = 150 * time.Second
)

// errTrying is the refusal of an update in the minute of a change's trial.
const errTrying = bundle.Refusal("A change of the settings is being tried at this moment. Keep it, or wait until it is taken back, and install then.")

// updateDir is where updates lie, below the directory of everything that
// survives a restart.
func updateDir(perm string) string { return filepath.Join(perm, "update") }

// openUpdates makes the machine that updates a box which runs from an image.
// Without one the box works all the same, and says why it cannot be updated.
func (b *box) openUpdates() {
	release, err := update.LoadRelease(b.release)
	if errors.Is(err, fs.ErrNotExist) {
		return // not from an image
	}
	if err == nil {
		b.updates, err = b.newMachine(release)
	}
	b.ill("update.machine", err, "This box cannot be updated: what its image should say of itself cannot be read. Write the image to its disk anew.")
}

func (b *box) newMachine(release update.Release) (*update.Machine, error) {
	keys, err := bundle.Keys(b.keys)
	if err != nil {
		return nil, err
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	start, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, err
	}
	dir := updateDir(b.perm)
	return update.New(update.Options{
		Release: release, Keys: keys, Cmdline: string(cmdline), Start: strings.TrimSpace(string(start)),
		Dir: dir, Run: b.run, Disk: update.RealDisk{Devices: b.devices, Dir: dir}, Box: updateBox{b},
		Sticks: update.USB{Sys: "/sys", Dev: "/dev", Own: filepath.Join(b.devices, "disk"), At: filepath.Join(b.run, "stick")},
		Now:    b.now, Uptime: uptime, Log: slog.Default(),
	})
}

// uptime is how long the machine has been running: no clock moves it.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// liveOn tells init that the box is alive, as long as the reconcile loop turns:
// a writer whose loop hangs is not.
func (b *box) liveOn(ctx context.Context) error {
	if _, err := os.Stat(b.release); err != nil {
		<-ctx.Done() // nobody listens
		return ctx.Err()
	}
	t := time.NewTicker(breath)
	defer t.Stop()
	for {
		if up := uptime(); up-time.Duration(b.loop.turned.Load()) < stuck {
			healthy := b.updates != nil && b.updates.Healthy()
			if err := update.WriteAlive(b.run, up, healthy); err != nil {
				slog.Error("init cannot be told that the box is alive", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// updateBox is the box as its updates see it.
type updateBox struct{ b *box }

var _ update.Box = updateBox{}

// Keep implements update.Box.
func (u updateBox) Keep(dir string) error {
	if u.b.records.OnCopy() {
		return update.ErrReadOnly
	}
	// What is ill under it would count as ill before, and the restart ends it.
	if _, _, trying := u.b.config.Pending(); trying {
		return errTrying
	}
	// The copy must not take the room that the next signature needs.
	for _, part := range []string{"records.db", "records.db-wal"} {
		if err := update.RoomFor(filepath.Join(u.b.recordsDir(), part), dir); err != nil {
			return err
		}
	}
	if err := u.b.records.CopyTo(filepath.Join(dir, "records.db")); err != nil {
		return fmt.Errorf("copy the records: %w", err)
	}
	text, _ := u.b.config.Text()
	if err := update.ReplaceFile(filepath.Join(dir, "config.json"), text); err != nil {
		return fmt.Errorf("copy the configuration: %w", err)
	}
	return nil
}

// Audit implements update.Box.
func (u updateBox) Audit(actor, verb, object, detail string) { u.b.audit(actor, verb, object, detail) }

// Report implements update.Box.
func (u updateBox) Report(key, sentence string) { u.b.health.Report(key, sentence, u.b.now()) }

// Zone implements update.Box.
func (u updateBox) Zone() *time.Location { return u.b.zone(u.b.config.Effective()) }
