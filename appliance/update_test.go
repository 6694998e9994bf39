package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stairgate/appliance/records"
	"stairgate/appliance/update"
	"stairgate/config"
)

// A change of the settings on trial would be lost in the restart, and what is
// ill under it would be forgiven the new version.
func TestNoUpdateWhileAChangeIsTried(t *testing.T) {
	dir := t.TempDir()
	db, _, err := records.Open(filepath.Join(dir, "records"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	settings, _, err := config.OpenStore(filepath.Join(dir, "config"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	text, tag := settings.Text()
	if _, err := settings.Try(bytes.Replace(text, []byte("school.internal"), []byte("nursery.internal"), 1), tag, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := (updateBox{&box{options: options{perm: dir}, config: settings, records: db}}).Keep(t.TempDir()); !errors.Is(err, errTrying) {
		t.Errorf("%v", err)
	}
}

// A box whose records live in memory, because the card failed, installs nothing:
// a restart would lose what only the memory knows.
func TestNoUpdateFromACopyInMemory(t *testing.T) {
	dir := t.TempDir()
	card := filepath.Join(dir, "records")
	if err := os.WriteFile(card, nil, 0o600); err != nil { // no directory can be there
		t.Fatal(err)
	}
	db, _, err := records.OpenOrCopy(card, filepath.Join(dir, "spare"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := (updateBox{&box{options: options{perm: dir}, records: db}}).Keep(t.TempDir()); !errors.Is(err, update.ErrReadOnly) {
		t.Errorf("%v", err)
	}
}
