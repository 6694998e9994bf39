package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stairgate/appliance/records"
	"stairgate/appliance/update"
)

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
