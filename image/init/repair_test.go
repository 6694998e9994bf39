package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/image/init/perm"
)

const realChecker = "/usr/sbin/e2fsck"

func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command("/usr/sbin/"+name, args...).CombinedOutput()
	return string(out), err
}

// card makes an ext4 with files on it, and damages it as debugfs is told.
func card(t *testing.T, damage ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "perm")
	if out, err := tool(t, "mkfs.ext4", "-q", "-F", name, "64M"); err != nil {
		t.Fatal(err, out)
	}
	letter := filepath.Join(t.TempDir(), "letter")
	if err := os.WriteFile(letter, []byte(strings.Repeat("signed by Ada Byron\n", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range append([]string{"write " + letter + " letter"}, damage...) {
		if out, err := tool(t, "debugfs", "-w", "-R", command, name); err != nil {
			t.Fatal(command, err, out)
		}
	}
	return name
}

func damaged(t *testing.T, name string) bool {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := perm.Damaged(f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The real e2fsck on a real file system: what the kernel found wrong is put right, and
// what stood on it is still there.
func TestDamagedStorageIsRepaired(t *testing.T) {
	name := card(t, "freei letter", "ssv free_blocks_count 1", "ssv state 2")
	if !damaged(t, name) {
		t.Fatal("it is not seen to be damaged")
	}
	if _, err := tool(t, "e2fsck", "-fn", name); err == nil {
		t.Fatal("this test damages nothing")
	}
	said := repair(realChecker, name, time.Minute, time.Second)
	if !strings.HasPrefix(said, "/perm was damaged and has been repaired in ") {
		t.Error(said)
	}
	if damaged(t, name) {
		t.Error("it says that it is damaged still")
	}
	if out, err := tool(t, "e2fsck", "-fn", name); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := tool(t, "debugfs", "-R", "cat letter", name); err != nil || strings.Count(out, "signed by Ada Byron") != 5000 {
		t.Errorf("the letter is gone: %v, %d bytes", err, len(out))
	}
}

// What a power cut leaves is the journal's, and a whole file system is nobody's.
func TestOnlyDamageIsLookedAt(t *testing.T) {
	for name, x := range map[string]struct {
		damage []string
		want   bool
	}{
		"whole":                    {nil, false},
		"cut off, with a journal":  {[]string{"feature needs_recovery"}, false},
		"found faulty":             {[]string{"ssv state 3"}, true},
		"not left whole":           {[]string{"ssv state 0"}, true},
		"faulty once, marked good": {[]string{"ssv error_count 2"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := damaged(t, card(t, x.damage...)); got != x.want {
				t.Errorf("damaged: %v", got)
			}
		})
	}
	empty, err := os.Create(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if err := empty.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	if d, err := perm.Damaged(empty); d || err == nil {
		t.Errorf("of nothing: %v, %v", d, err)
	}
}

// Nothing that goes wrong with a repair stops the start, and each is said.
func TestARepairThatFails(t *testing.T) {
	for name, x := range map[string]struct {
		program string
		want    string
	}{
		"it asks somebody": {"echo 'UNEXPECTED INCONSISTENCY;'; echo 'RUN fsck MANUALLY.'; exit 4", "e2fsck said: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY."},
		"it breaks down":   {"exit 8", "cannot be repaired without somebody to ask"},
		"it is killed":     {"kill -9 $$", "cannot be repaired without somebody to ask"},
		"it takes long":    {"exec sleep 60", "was given up after"},
		"it will not stop": {"trap '' TERM; while :; do :; done", "was given up after"},
		"it is not there":  {"", "there is no e2fsck on this image"},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "e2fsck")
			if x.program != "" {
				if err := os.WriteFile(program, []byte("#!/bin/sh\n"+x.program+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			begun := time.Now()
			said := repair(program, "/dev/nothing", 200*time.Millisecond, 200*time.Millisecond)
			if !strings.HasPrefix(said, "STORAGE: /perm") || !strings.Contains(said, x.want) {
				t.Error(said)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it held up the start for %v", took)
			}
		})
	}
	if checking+leaving > starting*2/3 {
		t.Error("a check may take what the start needs")
	}
}
