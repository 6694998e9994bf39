//go:build image

package build

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stairgate/appliance/update/slots"
)

// The e2fsck of each board is made for its processor and needs nothing else there.
func TestCheckerOfEachBoard(t *testing.T) {
	for board, machine := range map[slots.Board]elf.Machine{slots.AMD64: elf.EM_X86_64, slots.RPi: elf.EM_AARCH64} {
		t.Run(string(board), func(t *testing.T) {
			b := &builder{Options: Options{Board: board, Debian: t.TempDir(), Say: t.Logf}}
			p, err := b.debian(t.Context(), checker, checkerFile)
			if err != nil {
				t.Fatal(err)
			}
			f, err := elf.Open(p.file)
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != machine {
				t.Errorf("it is made for %s", f.Machine)
			}
			for _, s := range f.Progs {
				if s.Type == elf.PT_INTERP {
					t.Error("it needs libraries")
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			if board == slots.AMD64 {
				said, err := exec.Command(p.file, "-V").CombinedOutput()
				if number, _, _ := strings.Cut(p.version, "-"); err != nil || !strings.Contains(string(said), number) {
					t.Errorf("version %s says of itself %s, %v", p.version, said, err)
				}
			}
			// What is there is not fetched again, and works without the network.
			before, err := os.Stat(p.file)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := b.debian(t.Context(), checker, checkerFile); err != nil || again != p {
				t.Errorf("again it is %+v, %v", again, err)
			}
			if after, err := os.Stat(p.file); err != nil || !os.SameFile(before, after) {
				t.Error("it was fetched twice")
			}
			if left, err := filepath.Glob(filepath.Join(b.Debian, "*", "making-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			// A day later the lists are fetched again; without a network it does as well.
			stamp := filepath.Join(b.Debian, debianOf[board], "updated")
			if err := os.Remove(stamp); err != nil {
				t.Fatal(err)
			}
			t.Setenv("http_proxy", "http://127.0.0.1:9")
			t.Setenv("https_proxy", "http://127.0.0.1:9")
			if again, err := b.debian(t.Context(), checker, checkerFile); err != nil || again != p {
				t.Errorf("without a network it is %+v, %v", again, err)
			}
			if exists(stamp) {
				t.Error("this test has a network")
			}
			if _, err := b.debian(t.Context(), "no-such-package-anywhere", "x"); err == nil || !strings.Contains(err.Error(), "is needed and apt cannot fetch it") {
				t.Errorf("a package nobody has: %v", err)
			}
		})
	}
}
