package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A new version of the box is on trial, and somebody keeps a configuration that
// only it can read. The version is taken back: the box runs on what was kept
// before, and the newer file stays as it was confirmed, for when that version is
// installed again; another change only moves it aside.
func TestConfigurationOfAVersionThatWasTakenBack(t *testing.T) {
	dir := t.TempDir()
	s, _, err := OpenStore(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(s *Store, text []byte) {
		t.Helper()
		_, tag := s.Current()
		if _, err := s.Try(text, tag, time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := s.Confirm(tag); err != nil {
			t.Fatal(err)
		}
	}
	keep(s, referenceText)
	newer := []byte(`{"version": 99, "zones": "as the newer version writes them"}`)
	current := filepath.Join(dir, currentFile)
	if err := os.WriteFile(current, newer, 0o600); err != nil {
		t.Fatal(err)
	}

	s, alarms, err := OpenStore(dir, time.Now)
	if err != nil || len(alarms) != 1 || !strings.Contains(alarms[0], "Nothing was deleted") {
		t.Fatalf("%q %v", alarms, err)
	}
	if text, _ := s.Text(); !bytes.Equal(text, referenceText) {
		t.Error("the box does not run on what was kept before")
	}
	if text, err := os.ReadFile(current); err != nil || !bytes.Equal(text, newer) {
		t.Errorf("the newer version's configuration was touched: %s %v", text, err)
	}
	keep(s, bytes.Replace(referenceText, []byte("Oakfield"), []byte("Ashfield"), 1))
	aside, err := filepath.Glob(filepath.Join(dir, unreadableDir, "*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("set aside: %q %v", aside, err)
	}
	if text, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(text, newer) {
		t.Errorf("what was set aside is not what was confirmed: %s %v", text, err)
	}
}
