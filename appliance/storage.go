package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"stairgate/appliance/admin"
	"stairgate/appliance/admin/ca"
	"stairgate/appliance/records"
	"stairgate/config"
)

// How often the storage is looked at, and how long a box on a copy waits before
// it tries a card again that is not read-only and failed all the same: such a
// card may take a probe and fail with the next write, and each try is a restart.
const (
	storagePause    = 5 * time.Second
	storagePatience = 10 * time.Minute
)

var (
	errStorageGone = errors.New("the storage has become read-only: starting again on a copy in memory")
	errStorageBack = errors.New("the storage can be written again: starting again on it")
)

// spare is where copies lie while the storage cannot be written: in memory, and
// for root alone.
func (b *box) spare(name string) string { return filepath.Join(b.run, "spare", name) }

func (b *box) recordsDir() string { return filepath.Join(b.perm, "records") }

// openStorage opens the configuration and the records. A card that cannot be
// written, or not even read, does not keep the box from starting.
func (b *box) openStorage() error {
	// The answerers must get to the socket in there; what is spare is made closed.
	if err := os.MkdirAll(b.run, 0o755); err != nil {
		return fmt.Errorf("making the directory of the sockets: %w", err)
	}
	if err := os.MkdirAll(b.spare(""), 0o700); err != nil {
		return fmt.Errorf("making the directory of copies in memory: %w", err)
	}
	var alarms []string
	var err error
	b.config, alarms, err = config.OpenStore(filepath.Join(b.perm, "config"), b.now)
	if err != nil {
		slog.Error("the configuration cannot be opened", "err", err)
		if b.config, alarms, err = config.OpenStore(b.spare("config"), b.now); err != nil {
			return fmt.Errorf("opening a configuration in memory: %w", err)
		}
		alarms = append(alarms, "The storage card cannot be read, so the box runs on its factory settings. Replace the storage card, then load the saved configuration.")
	}
	b.alarm("config.alarm", alarms)
	b.records, alarms, err = records.OpenOrCopy(b.recordsDir(), b.spare("records"), func() time.Time {
		return b.now().In(b.zone(b.config.Effective()))
	})
	if err != nil {
		return fmt.Errorf("opening the records: %w", err)
	}
	b.alarm("records.alarm", alarms)
	return nil
}

// wanLeaseFile is where the broadband line's last lease is remembered; nowhere
// when there is no place for it.
func (b *box) wanLeaseFile() string {
	dir := filepath.Join(b.perm, "wan")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		slog.Warn("the lease of the broadband line will not be remembered", "err", err)
		return ""
	}
	return filepath.Join(dir, "lease.json")
}

// authority opens the certificate authority of the admin pages, on a copy when
// it must be changed and cannot be.
func (b *box) authority() (*ca.Authority, error) {
	names := admin.NamesOf(b.config.Effective())
	dir := filepath.Join(b.perm, "admin")
	a, alarm, err := ca.Open(dir, names, b.now)
	if err != nil {
		slog.Error("the certificate authority cannot be kept", "err", err)
		if err := os.CopyFS(b.spare("admin"), os.DirFS(dir)); err != nil {
			slog.Warn("the certificate authority cannot be copied", "err", err)
		}
		if a, _, err = ca.Open(b.spare("admin"), names, b.now); err != nil {
			return nil, fmt.Errorf("opening the certificate authority: %w", err)
		}
		alarm = "The certificate of these pages cannot be written to the storage card. Until the card is replaced, browsers may warn of a certificate they do not know after each start of the box."
	}
	if alarm != "" {
		b.alarm("admin.authority", []string{alarm})
	}
	return a, nil
}

// watchStorage ends the program when the storage has become read-only or can be
// written again: the next start copes with what there is then.
func (b *box) watchStorage(ctx context.Context) error {
	dir := b.recordsDir()
	next := b.now()
	if b.records.OnCopy() && !records.ReadOnly(dir) {
		next = next.Add(storagePatience)
	}
	t := time.NewTicker(storagePause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		readOnly := records.ReadOnly(dir)
		switch {
		case !b.records.OnCopy():
			if readOnly {
				return errStorageGone
			}
		case readOnly:
			next = b.now()
		case !b.now().Before(next):
			if records.CanWrite(dir) == nil {
				return errStorageBack
			}
		}
	}
}
